// One thread makes one element, by the steps of io/RandomWeights.cpp. The kernels are PTX text, which the
// driver compiles on first use: they need no compiler, and GPUs to come can run them.
#include "runtime/devices/cuda/RandomFill.h"
#include "runtime/io/RandomWeights.h"
#include <algorithm>

namespace tgc::runtime::cuda {

namespace {
constexpr uint32_t Threads = 256;
/// One launch's elements; so many blocks are a legal grid.
constexpr uint64_t PartElements = uint64_t(1) << 36;

/// hash32 of io/RandomWeights.cpp, in place.
std::string hashText(const std::string &value) {
  std::string text;
  for (const auto &[shift, factor] :
       {std::pair("16", "0x7feb352d"), std::pair("15", "0x846ca68b"), std::pair("16", "")}) {
    text += "  shr.u32 %t, " + value + ", " + shift + ";\n  xor.b32 " + value + ", " + value + ", %t;\n";
    if (*factor)
      text += "  mul.lo.u32 " + value + ", " + value + ", " + factor + ";\n";
  }
  return text;
}

/// `store` puts the float %value at %address + %index * size.
std::string kernelText(const std::string &name, unsigned size, const std::string &store) {
  return ".visible .entry " + name +
         R"((.param .u64 out, .param .u64 key, .param .u64 first, .param .u64 count,
                    .param .f32 scale) {
  .reg .pred %beyond, %flat;
  .reg .b16 %half;
  .reg .b32 %block, %size, %thread, %key0, %key1, %at, %a, %b, %t, %sum;
  .reg .b64 %address, %key, %first, %count, %index, %place, %u, %v, %factor;
  .reg .f32 %scale, %normal, %value;
  .reg .f64 %wide;
  ld.param.u64 %address, [out];
  ld.param.u64 %key, [key];
  ld.param.u64 %first, [first];
  ld.param.u64 %count, [count];
  ld.param.f32 %scale, [scale];
  cvta.to.global.u64 %address, %address;
  mov.u32 %block, %ctaid.x;
  mov.u32 %size, %ntid.x;
  mov.u32 %thread, %tid.x;
  mul.wide.u32 %index, %block, %size;
  cvt.u64.u32 %u, %thread;
  add.u64 %index, %index, %u;
  setp.ge.u64 %beyond, %index, %count;
  @%beyond ret;
  mad.lo.u64 %address, %index, )" +
         std::to_string(size) + R"(, %address;
  add.u64 %place, %index, %first;
  // The two keys of the element's block.
  shr.u64 %u, %place, 16;
  mov.u64 %factor, 0x9e3779b97f4a7c15;
  mad.lo.u64 %u, %u, %factor, %key;
  shr.u64 %v, %u, 30;
  xor.b64 %u, %u, %v;
  mov.u64 %factor, 0xbf58476d1ce4e5b9;
  mul.lo.u64 %u, %u, %factor;
  shr.u64 %v, %u, 27;
  xor.b64 %u, %u, %v;
  mov.u64 %factor, 0x94d049bb133111eb;
  mul.lo.u64 %u, %u, %factor;
  shr.u64 %v, %u, 31;
  xor.b64 %u, %u, %v;
  mov.b64 {%key0, %key1}, %u;
  // Two hashes of its place in the block.
  cvt.u32.u64 %at, %place;
  and.b32 %at, %at, 65535;
  xor.b32 %a, %at, %key0;
  add.u32 %b, %at, 0x9e3779b9;
  xor.b32 %b, %b, %key1;
)" + hashText("%a") +
         hashText("%b") +
         R"(  // Close to normal, or uniform where the scale is 0.
  and.b32 %sum, %a, 65535;
  shr.u32 %t, %a, 16;
  add.u32 %sum, %sum, %t;
  and.b32 %t, %b, 65535;
  add.u32 %sum, %sum, %t;
  shr.u32 %t, %b, 16;
  add.u32 %sum, %sum, %t;
  sub.s32 %sum, %sum, 131070;
  cvt.rn.f32.s32 %normal, %sum;
  mul.rn.f32 %normal, %normal, %scale;
  and.b32 %t, %a, 32767;
  add.u32 %t, %t, 16384;
  cvt.rn.f32.u32 %value, %t;
  mul.rn.f32 %value, %value, 0f37800000;
  setp.eq.f32 %flat, %scale, 0f00000000;
  selp.f32 %value, %value, %normal, %flat;
)" + store +
         "  ret;\n}\n";
}

std::string moduleText() {
  return ".version 7.0\n.target sm_80\n.address_size 64\n" +
         kernelText("tgc_random_f32", 4, "  st.global.f32 [%address], %value;\n") +
         kernelText("tgc_random_f64", 8,
                    "  cvt.f64.f32 %wide, %value;\n  st.global.f64 [%address], %wide;\n") +
         kernelText("tgc_random_bf16", 2,
                    "  cvt.rn.bf16.f32 %half, %value;\n  st.global.b16 [%address], %half;\n") +
         kernelText("tgc_random_f16", 2,
                    "  cvt.rn.f16.f32 %half, %value;\n  st.global.b16 [%address], %half;\n");
}

const char *kernelName(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "tgc_random_f32";
  case DType::F64:
    return "tgc_random_f64";
  case DType::BF16:
    return "tgc_random_bf16";
  case DType::F16:
    return "tgc_random_f16";
  default:
    return nullptr;
  }
}
} // namespace

RandomFill::~RandomFill() {
  Gpu::Current current(gpu, std::nothrow);
  if (module)
    gpu.api().moduleUnload(module);
}

bool RandomFill::fill(DevicePointer to, DType dtype, const Shape &shape, const std::string &name,
                      uint64_t seed) {
  uint64_t bytes = *tensorBytes(dtype, shape), count = bytes / dtypeBytes(dtype);
  const char *kernel = kernelName(dtype);
  if (!kernel) { // integers are 0
    transfers.zero(to, bytes);
    return true;
  }
  FunctionHandle function = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!tried && gpu.api().moduleLoadDataEx(&module, moduleText().c_str(), 0, nullptr, nullptr) != Success)
      module = nullptr;
    tried = true;
    if (!module)
      return false;
    gpu.check(gpu.api().moduleGetFunction(&function, module, kernel), "looking for the random kernels");
  }
  RandomParameters parameters = randomParameters(shape, name, seed);
  transfers.enqueue([&](Stream stream) {
    for (uint64_t first = 0; first < count; first += PartElements) {
      uint64_t part = std::min(PartElements, count - first);
      DevicePointer out = to + first * dtypeBytes(dtype);
      LaunchConfig config;
      config.grid[0] = static_cast<uint32_t>((part + Threads - 1) / Threads);
      config.block[0] = Threads;
      config.stream = stream;
      void *values[] = {&out, &parameters.key, &first, &part, &parameters.scale};
      gpu.check(gpu.api().launchKernelEx(&config, function, values, nullptr), "making random weights");
    }
  });
  return true;
}

} // namespace tgc::runtime::cuda
