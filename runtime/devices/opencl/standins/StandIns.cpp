// The functions' names say what they do: kind of access, bits of an element, rows, columns and blocks. Each definition
// follows the specifications of the extensions (SPV_INTEL_2d_block_io, SPV_INTEL_subgroup_matrix_multiply_accumulate):
// zeros outside of the surface, nothing written there.
#include "runtime/devices/opencl/standins/StandIns.h"

#include <cstdio>
#include <regex>

namespace tgc::runtime::opencl {

namespace {

// Calls that stay calls: inlined, a kernel's compilation would take minutes.
constexpr const char *common = R"(
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define CALLED __attribute__((noinline))
#define LANE ((int)get_sub_group_local_id())
CALLED bool allowed(global void *base, int width, int height, int pitch, int x, int bytes, int rows, int rowBytes, int mostRows) {
  bool good = ((ulong)base & 63) == 0 && x * bytes % 4 == 0 && width >= 64 && width % 4 == 0 && width % bytes == 0 && pitch >= width &&
              pitch % 16 == 0 && height >= 1 && rowBytes <= 64 && rows <= mostRows && width < (1 << 24) && height < (1 << 24) &&
              pitch < (1 << 24);
  if (!good && LANE == 0)
    printf("block of memory that the hardware forbids: base %p width %d height %d pitch %d, %d rows of %d bytes at %d\n",
           base, width, height, pitch, rows, rowBytes, x * bytes);
  return good;
}
CALLED uint elementAt(global uchar *base, int width, int height, int pitch, int bytes, int x, int y) {
  if (x < 0 || y < 0 || x >= width / bytes || y >= height)
    return 0;
  global uchar *place = base + (long)y * pitch + (long)x * bytes;
  return bytes == 1 ? *place : bytes == 2 ? *(global ushort *)place : *(global uint *)place;
}
float8 spread(float8 v, uint lane) {
  return (float8)(sub_group_broadcast(v.s0, lane), sub_group_broadcast(v.s1, lane), sub_group_broadcast(v.s2, lane),
                  sub_group_broadcast(v.s3, lane), sub_group_broadcast(v.s4, lane), sub_group_broadcast(v.s5, lane),
                  sub_group_broadcast(v.s6, lane), sub_group_broadcast(v.s7, lane));
}
int8 spreadInt(int8 v, uint lane) { return as_int8(spread(as_float8(v), lane)); }
float8 brainOf(ushort8 v) { return as_float8(convert_uint8(v) << 16); }
float8 halfOf(ushort8 v) { return convert_float8(as_half8(v)); }
)";

template <typename... Args>
std::string format(const char *text, Args... args) {
  std::string result(2048, '\0');
  result.resize(size_t(std::snprintf(result.data(), result.size(), text, args...)));
  return result;
}

std::string surface = "(global void *base, int width, int height, int pitch, int2 at";

std::string blockFunction(const std::string &name, const std::string &kind, int bits, int rows, int columns,
                          int blocks) {
  int bytes = bits / 8;
  bool write = kind == "write";
  const char *element = kind == "read_transform" || kind == "read_transpose" || bits == 32 ? "uint"
                        : bits == 16 || columns == 32                                      ? "ushort"
                                                                                           : "uchar";
  std::string text = "CALLED void " + name + surface;
  std::string test = format("allowed(base, width, height, pitch, at.x, %d, %d, %d, %d)", bytes, rows,
                            columns * blocks * bytes, write ? 8 : 32);
  if (kind == "prefetch")
    return text + ") { " + test + "; }\n";
  text += format(", private %s *data) {\n  bool good = %s;\n", element, test.c_str());
  auto at = [&](const char *x, const char *y) {
    return format("elementAt((global uchar *)base, width, height, pitch, %d, at.x + %s, at.y + %s)", bytes, x,
                  y);
  };
  // A block has `count` values of each lane.
  auto fill = [&](int count, const std::string &value) {
    text += format("  for (int b = 0; b < %d; ++b)\n    for (int r = 0; r < %d; ++r)\n      data[b * %d + r] "
                   "= good ? %s : (%s)-1;\n",
                   blocks, count, count, value.c_str(), element);
  };
  auto shifted = [](const std::string &value, int bits) {
    return bits ? format(" | %s << %d", value.c_str(), bits) : value;
  };
  if (kind == "read" && columns == 8) { // lanes have two rows at a time
    fill(rows / 2, at("8 * b + LANE % 8", "2 * r + LANE / 8"));
  } else if (kind == "read" && columns == 32) { // and two columns each
    fill(rows, at("32 * b + 2 * LANE", "r") + shifted(at("32 * b + 2 * LANE + 1", "r"), 8));
  } else if (kind == "read") {
    fill(rows, at(format("%d * b + LANE", columns).c_str(), "r"));
  } else if (kind == "read_transform") {
    std::string word;
    for (int row = 0; row < 4 / bytes; ++row)
      word +=
          shifted(at(format("%d * b + LANE", columns).c_str(), format("%d * r + %d", 4 / bytes, row).c_str()),
                  row * bits);
    fill(rows * bytes / 4, word);
  } else if (kind == "read_transpose")
    text += format("  for (int r = 0; r < %d; ++r)\n    data[r] = good ? %s : (uint)-1;\n", columns,
                   at("r", "LANE").c_str());
  else
    text += format(
        "  for (int r = 0; r < %d && good; ++r) {\n    int x = at.x + LANE, y = at.y + r;\n"
        "    if (x >= 0 && y >= 0 && x < width / %d && y < height)\n"
        "      *(global %s *)((global uchar *)base + (long)y * pitch + (long)x * %d) = data[r];\n  }\n",
        rows, bytes, element, bytes);
  return text + "}\n";
}

/// Of 16 bits. Lane r of a narrow subgroup holds steps 2r and 2r + 1 of the left operand, lane k of a wide one step k;
/// component r of the right one holds steps 2r and 2r + 1 of the lane's column.
std::string halfProduct(const std::string &name, const std::string &type, bool narrow) {
  const char *wide = type == "bf16" ? "brainOf" : "halfOf";
  std::string text =
      format("CALLED float8 %s(%s a, int8 b, float8 c) {\n", name.c_str(), narrow ? "int8" : "short8");
  text += format("  float8 low = %s(convert_ushort8(as_uint8(b) & 0xffffu)), high = "
                 "%s(convert_ushort8(as_uint8(b) >> 16));\n",
                 wide, wide);
  if (narrow)
    text += format("  float8 even = %s(convert_ushort8(as_uint8(a) & 0xffffu)), odd = "
                   "%s(convert_ushort8(as_uint8(a) >> 16));\n",
                   wide, wide);
  else
    text += format("  float8 left = %s(as_ushort8(a));\n", wide);
  for (int r = 0; r < 8; ++r)
    text += narrow ? format("  c += spread(even, %d) * low.s%d + spread(odd, %d) * high.s%d;\n", r, r, r, r)
                   : format("  c += spread(left, %d) * low.s%d + spread(left, %d) * high.s%d;\n", 2 * r, r,
                            2 * r + 1, r);
  return text + "  return c;\n}\n";
}

/// Of 8 bits. Lane r of a narrow subgroup holds steps 4r to 4r + 3 of the left operand, lane k of a wide one steps 2k and
/// 2k + 1; component r of the right one holds steps 4r to 4r + 3 of the lane's column.
std::string byteProduct(const std::string &name, bool narrow) {
  std::string text =
      format("CALLED int8 %s(%s a, int8 b, int8 c) {\n", name.c_str(), narrow ? "int8" : "short8");
  if (!narrow)
    text += "  int8 own = convert_int8(a) & 0xffff;\n";
  for (int r = 0; r < 8; ++r) {
    text += "  {\n";
    text +=
        narrow ? format("    int8 left = spreadInt(a, %d);\n", r)
               : format("    int8 left = spreadInt(own, %d) | spreadInt(own, %d) << 16;\n", 2 * r, 2 * r + 1);
    for (int step = 0; step < 4; ++step)
      text += format("    c += (left << %d >> 24) * (b.s%d << %d >> 24);\n", 24 - 8 * step, r, 24 - 8 * step);
    text += "  }\n";
  }
  return text + "  return c;\n}\n";
}

/// Of f32 as tf32: bits behind the tenth do not count. Lanes have row 2i of the left operand in component i, and the upper
/// half of them row 2i + 1; component r of the right one is step r of the lane's column.
std::string roundedProduct(const std::string &name) {
  std::string text = format("CALLED float8 %s(float4 a, float8 b, float8 c) {\n", name.c_str());
  text += "  a = as_float4(as_uint4(a) & 0xffffe000u), b = as_float8(as_uint8(b) & 0xffffe000u);\n"
          "  float8 left = (float8)(a, 0, 0, 0, 0);\n";
  for (int r = 0; r < 8; ++r)
    text += format("  {\n    float8 low = spread(left, %d), high = spread(left, %d);\n"
                   "    c += (float8)(low.s0, high.s0, low.s1, high.s1, low.s2, high.s2, low.s3, high.s3) * "
                   "b.s%d;\n  }\n",
                   r, r + 8, r);
  return text + "  return c;\n}\n";
}

} // namespace

std::string standIns(const std::vector<std::string> &imports) {
  static const std::regex block("_Z\\d+intel_sub_group_2d_block_(read|read_transform|read_transpose|prefetch|"
                                "write)_(\\d+)b_(\\d+)r(\\d+)x(\\d+)c.*");
  static const std::regex matrix(
      "_Z\\d+intel_sub_group_(bf16|f16)_\\1_matrix_mad_k16(Dv8_sDv8_i|Dv8_iS_)Dv8_f");
  static const std::regex bytes("_Z\\d+intel_sub_group_i8_i8_matrix_mad_k32(Dv8_sDv8_iS0_|Dv8_iS_S_)");
  static const std::regex rounded("_Z\\d+intel_sub_group_tf32_tf32_matrix_mad_k8Dv4_fDv8_fS0_");
  std::string text;
  for (const std::string &name : imports) {
    std::smatch match;
    if (std::regex_match(name, match, block))
      text += blockFunction(name, match[1], std::stoi(match[2]), std::stoi(match[3]), std::stoi(match[4]),
                            std::stoi(match[5]));
    else if (std::regex_match(name, match, matrix))
      text += halfProduct(name, match[1], match[2] == "Dv8_iS_");
    else if (std::regex_match(name, match, bytes))
      text += byteProduct(name, match[1] == "Dv8_iS_S_");
    else if (std::regex_match(name, rounded))
      text += roundedProduct(name);
  }
  return text.empty() ? text : common + text;
}

ProgramHandle linkStandIns(const Api &api, DeviceId id, Context context, ProgramHandle module,
                           const std::string &source, const std::string &options, Status &status,
                           std::string &log) {
  auto logOf = [&](ProgramHandle program) {
    size_t bytes = 0;
    constexpr auto Log = static_cast<uint32_t>(BuildInfo::Log);
    if (!program || api.getBuildInfo(program, id, Log, 0, nullptr, &bytes) != Success || bytes == 0)
      return;
    std::string text(bytes, '\0');
    api.getBuildInfo(program, id, Log, bytes, text.data(), nullptr);
    log += text.c_str();
  };
  const char *text = source.c_str();
  ProgramHandle functions = api.createProgramWithSource(context, 1, &text, nullptr, &status);
  if (status != Success)
    return nullptr;
  ProgramHandle linked = nullptr, parts[] = {module, functions};
  status = api.compileProgram(functions, 1, &id, "-cl-std=CL2.0", 0, nullptr, nullptr, nullptr, nullptr);
  if (status != Success)
    logOf(functions);
  if (status == Success) {
    status = api.compileProgram(module, 1, &id, options.c_str(), 0, nullptr, nullptr, nullptr, nullptr);
    if (status != Success)
      logOf(module);
  }
  if (status == Success) {
    linked = api.linkProgram(context, 1, &id, "", 2, parts, nullptr, nullptr, &status);
    if (status != Success) {
      logOf(linked);
      if (linked)
        api.releaseProgram(linked);
      linked = nullptr;
    }
  }
  api.releaseProgram(functions);
  return linked;
}

} // namespace tgc::runtime::opencl
