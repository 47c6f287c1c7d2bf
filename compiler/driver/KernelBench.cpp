// 1. Write a program around the kernel: everything it loads is a weight, so that it lies on the device, and
//    rounds of launches with, between them, one that reads a large buffer and so empties the caches.
// 2. Compile it from the kernel stage: packing and splits happen as in a model.
// 3. Fill what it loads with numbers close to normal, run once, and compare sampled elements of what it stores
//    with the reference evaluator on the same numbers. The reference serves all schedules of the kernel.
// 4. Run it timed; a round's time is the sum of its launches' device times.
#include "compiler/driver/KernelBench.h"

#include "compiler/driver/Numbers.h"
#include "compiler/driver/Tensors.h"
#include "compiler/kernel/Elements.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "runtime/io/RandomWeights.h"
#include "search/strategies/Space.h"
#include <random>
#include <set>

using namespace mlir;

namespace tgc::driver {
namespace {

constexpr const char *FlushName = "tgc_flush";
constexpr int64_t FlushRows = 2048;
constexpr int64_t LeastFlushBytes = 16 << 20, MostFlushBytes = 512 << 20;

template <typename T>
std::string print(T value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

bool flushes(llvm::StringRef kernel) { return kernel.starts_with(FlushName); }

/// Elements from the base of a buffer to behind the last one that its type reaches.
int64_t spanOf(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t span = 0;
  if (failed(getStridesAndOffset(type, strides, span)))
    badInput("a buffer has no strides: {}", print(type));
  for (auto [size, stride] : llvm::zip(type.getShape(), strides))
    span += (size - 1) * stride;
  return span + 1;
}

/// The program's text: weights b0, b1, … and outputs, by the kernel's buffers, each a plain array of its span.
class ProgramText {
public:
  ProgramText(kernel::FuncOp func, const KernelInfo &info, const KernelBenchOptions &options,
              int64_t cacheBytes)
      : func_(func), info_(info) {
    int64_t flushBytes = std::clamp(2 * cacheBytes, LeastFlushBytes, MostFlushBytes);
    std::string large = fmt::format("memref<{}x{}xf32>", FlushRows, flushBytes / 4 / FlushRows);
    std::string small = fmt::format("memref<{}xf32>", FlushRows);
    text_ = print(func_) + "\n";
    if (options.cold)
      text_ += fmt::format("kernel.func @{0}(%x: {1}, %y: {2}) axes(%m = {3}, %k = {4}) {{\n"
                           "  %v = kernel.load %x[%m, %k] : {1}\n"
                           "  %s = kernel.reduce add %v over(%k) : f32 -> f32\n"
                           "  kernel.store %s, %y[%m] : {2}\n}}\n",
                           FlushName, large, small, FlushRows, flushBytes / 4 / FlushRows);
    text_ += "kernel.program @main {\n";
    std::vector<std::string> names, types;
    for (auto [i, buffer] : llvm::enumerate(func_.getBuffers()))
      addBuffer(i, cast<MemRefType>(buffer.getType()), names, types);
    if (options.cold)
      text_ +=
          fmt::format("  %flush = kernel.weight \"{0}\" : {1}\n  %sums = kernel.output \"{0}_out\" : {2}\n",
                      FlushName, large, small);
    for (size_t round = 0; round < options.rounds; ++round) {
      if (options.cold)
        text_ += fmt::format("  kernel.launch @{}(%flush, %sums) : {}, {}\n", FlushName, large, small);
      text_ += fmt::format("  kernel.launch @{}({}) : {}\n", func_.getSymName().str(), fmt::join(names, ", "),
                           fmt::join(types, ", "));
    }
    text_ += "}\n";
  }

  const std::string &text() const { return text_; }

private:
  void addBuffer(size_t i, MemRefType type, std::vector<std::string> &names,
                 std::vector<std::string> &types) {
    const BufferInfo &buffer = info_.buffers[i];
    bool plain = type.getLayout().isIdentity();
    MemRefType base = plain ? type : MemRefType::get({spanOf(type)}, type.getElementType());
    text_ += fmt::format("  %b{} = kernel.{} \"{}\" : {}\n", i, buffer.stored ? "output" : "weight",
                         buffer.name, print(base));
    names.push_back(fmt::format("%{}{}", plain ? "b" : "v", i));
    types.push_back(print(type));
    if (plain)
      return;
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    (void)getStridesAndOffset(type, strides, offset);
    text_ += fmt::format(
        "  %v{0} = memref.reinterpret_cast %b{0} to offset: [{1}], sizes: [{2}], strides: [{3}] : "
        "{4} to {5}\n",
        i, offset, fmt::join(type.getShape(), ", "), fmt::join(strides, ", "), print(base), print(type));
  }

  kernel::FuncOp func_;
  const KernelInfo &info_;
  std::string text_;
};

bool holdsFloats(runtime::DType dtype) {
  using runtime::DType;
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 || dtype == DType::BF16;
}

/// What a kernel loads, by name. Floats close to normal with deviation 1; integers from 0 to 3, so that they can
/// be indices; i1 both.
Arrays makeInputs(kernel::FuncOp func, const KernelInfo &info, uint64_t seed) {
  Arrays arrays;
  for (auto [buffer, described] : llvm::zip(func.getBuffers(), info.buffers)) {
    if (described.stored)
      continue;
    runtime::DType dtype = dtypeOf(described.type);
    uint64_t count = uint64_t(described.span()), size = runtime::dtypeBytes(dtype);
    std::vector<uint8_t> data(count * size);
    if (holdsFloats(dtype))
      runtime::fillRandom(dtype, {1, 1}, described.name, seed, 0, count, data.data());
    else
      for (uint64_t i = 0; i < count; ++i)
        data[i * size] = uint8_t(i * 2654435761u >> 7) & (dtype == runtime::DType::Bool ? 1 : 3);
    arrays[described.name] = {dtype, boundShape(cast<MemRefType>(buffer.getType()), described),
                              runtime::Bytes(std::move(data))};
  }
  return arrays;
}

std::vector<kernel::Bytes> bytesOfBuffers(const KernelInfo &info, const Arrays &inputs) {
  std::vector<kernel::Bytes> bytes;
  for (const BufferInfo &buffer : info.buffers) {
    auto it = inputs.find(buffer.name);
    bytes.push_back(it == inputs.end() ? kernel::Bytes()
                                       : kernel::Bytes(reinterpret_cast<const char *>(it->second.data.data()),
                                                       it->second.data.size()));
  }
  return bytes;
}

double elementOf(const runtime::Array &array, int64_t at) {
  size_t size = runtime::dtypeBytes(array.dtype);
  return toDoubles({array.dtype, {1}, array.data.slice(size_t(at) * size, size)})[0];
}

/// Times of the rounds: launches between two that empty the caches (or an equal share each, without those).
void time(tgc_program *program, const KernelBenchOptions &options, KernelBenchRow &row) {
  tgc_program_info info;
  call(tgc_program_describe(program, &info));
  std::vector<uint64_t> nanoseconds(info.run_launches);
  std::vector<bool> flush;
  for (size_t i = 0; i < info.run_launches; ++i) {
    tgc_launch_info launch;
    call(tgc_program_launch(program, TGC_RUN_LIST, i, &launch));
    flush.push_back(flushes(launch.kernel));
  }
  size_t kernels = size_t(std::count(flush.begin(), flush.end(), false));
  row.launches = kernels / options.rounds;
  for (size_t repetition = 0; repetition <= options.repetitions; ++repetition) {
    call(tgc_program_run_timed(program, nullptr, 0, nullptr, 0, nanoseconds.data(), nanoseconds.size()));
    double sum = 0;
    size_t inRound = 0;
    for (size_t i = 0; i < nanoseconds.size(); ++i) {
      if (flush[i])
        continue;
      sum += double(nanoseconds[i]) * 1e-9;
      if (++inRound < row.launches)
        continue;
      if (repetition > 0) // the first warms up
        row.seconds.push_back(sum);
      sum = 0;
      inRound = 0;
    }
  }
  std::sort(row.seconds.begin(), row.seconds.end());
}

std::unique_ptr<Compilation> parseFile(const KernelBenchOptions &options) {
  CompileOptions compile;
  compile.model = options.file;
  compile.device = options.target;
  compile.from = compile.until = "kernel";
  auto parsed = std::make_unique<Compilation>(compile);
  parsed->run();
  return parsed;
}

int exitCodeOf(const std::exception &error) {
  if (const auto *own = dynamic_cast<const Error *>(&error))
    return own->exitCode();
  if (const auto *own = dynamic_cast<const runtime::Error *>(&error))
    return static_cast<int>(own->kind);
  return static_cast<int>(ErrorKind::Internal);
}

} // namespace

std::string deviceOf(const KernelBenchOptions &options) {
  return options.device.empty() ? options.target.substr(0, options.target.find(':')) : options.device;
}

std::vector<std::string> kernelsOf(const KernelBenchOptions &options) {
  std::unique_ptr<Compilation> parsed = parseFile(options);
  std::vector<std::string> names;
  for (auto func : parsed->module().getOps<kernel::FuncOp>())
    if (options.only.empty() || func.getSymName() == options.only)
      names.push_back(func.getSymName().str());
  if (names.empty())
    badInput("{}: there is no kernel{}", options.file, options.only.empty() ? "" : " " + options.only);
  return names;
}

KernelCase::KernelCase(const KernelBenchOptions &options, const std::string &kernel)
    : options(options), name(kernel), parsed(parseFile(options)),
      func(parsed->module().lookupSymbol<kernel::FuncOp>(kernel)), info(describeKernel(func)),
      inputs(makeInputs(func, info, options.seed)) {
  if (options.samples > 0)
    reference.emplace(func, info, bytesOfBuffers(info, inputs), affordableSamples(info, options.samples),
                      options.seed);
}

KernelBenchRow KernelCase::run(const std::optional<std::string> &schedule) const {
  KernelBenchRow row;
  row.kernel = name;
  row.schedule = schedule.value_or("");
  try {
    measure(schedule, row);
  } catch (const std::exception &error) {
    row.exitCode = exitCodeOf(error);
    row.message = error.what();
  }
  return row;
}

void KernelCase::measure(const std::optional<std::string> &schedule, KernelBenchRow &row) const {
  const tgc::DeviceInfo &device = parsed->target().device();
  row.flops = info.flops;
  row.bytes = info.bytes;
  row.roofline = rooflineSeconds(info, device);

  CompileOptions compile;
  compile.model = options.file;
  compile.text = ProgramText(func, info, options, std::max(device.l2Bytes, device.l3Bytes)).text();
  compile.device = options.target;
  compile.from = "kernel";
  if (schedule)
    compile.schedules[name] = *schedule;
  Compilation compilation(compile);
  compilation.run();
  for (auto kernel : compilation.module().getOps<kernel::FuncOp>())
    if (kernel.getSymName() == name)
      row.schedule = kernel.getSchedule().value_or("").str();
  for (const auto &[kernel, report] : compilation.reports())
    if (row.schedule.empty() && !flushes(kernel))
      row.schedule = report.schedule;

  std::vector<uint8_t> bytes = runtime::serialize(compilation.package());
  if (!options.save.empty())
    runtime::writeFileAtomically((std::filesystem::path(options.save) / (name + ".tgc")).string(),
                                 runtime::Bytes(bytes));
  Device opened = openDevice(deviceOf(options).c_str());
  tgc_program *loaded = nullptr;
  call(tgc_program_load_memory(opened.get(), bytes.data(), bytes.size(), nullptr, &loaded));
  Program program(loaded);
  call(tgc_program_use_random(program.get(), options.seed));
  Arrays given = inputs;
  for (const tgc_tensor &tensor : tensorsOf(given))
    call(tgc_program_set_weight(program.get(), &tensor));
  if (reference)
    check(program.get(), row);
  if (options.repetitions > 0)
    time(program.get(), options, row);
}

void KernelCase::check(tgc_program *program, KernelBenchRow &row) const {
  Arrays outputs = makeOutputs(program);
  std::vector<tgc_tensor> out = tensorsOf(outputs);
  call(tgc_program_run(program, nullptr, 0, out.data(), out.size()));
  std::vector<double> values;
  for (const SampledElement &sample : reference->samples())
    values.push_back(elementOf(outputs.at(sample.output), sample.element));
  SampledReference::Verdict verdict = reference->compare(values);
  row.checked = values.size();
  row.wrong = verdict.wrong;
  row.worst = verdict.worst;
  row.message = verdict.message;
  if (row.wrong > 0)
    row.exitCode = static_cast<int>(ErrorKind::Internal);
}

std::vector<std::string> KernelCase::randomSchedules(size_t count, uint64_t seed) const {
  constexpr int MostSteps = 6;
  Space space(info, parsed->target().device());
  std::vector<Candidate> seeds = space.seeds();
  std::mt19937_64 random(seed);
  std::vector<std::string> schedules;
  std::set<uint64_t> plans;
  for (size_t attempt = 0; attempt < 4 * count && schedules.size() < count && !seeds.empty(); ++attempt) {
    Candidate at = seeds[random() % seeds.size()];
    for (int left = int(random() % (MostSteps + 1)); left > 0; --left) {
      std::vector<Candidate> next = space.neighbours(at.schedule);
      if (next.empty())
        break;
      at = next[random() % next.size()];
    }
    if (plans.insert(at.plan).second)
      schedules.push_back(at.text);
  }
  return schedules;
}

KernelBenchRow benchKernel(const KernelBenchOptions &options, const std::string &kernel) {
  std::optional<std::string> schedule;
  if (auto it = options.schedules.find(kernel); it != options.schedules.end())
    schedule = it->second;
  try {
    return KernelCase(options, kernel).run(schedule);
  } catch (const std::exception &error) {
    KernelBenchRow row;
    row.kernel = kernel;
    row.exitCode = exitCodeOf(error);
    row.message = error.what();
    return row;
  }
}

} // namespace tgc::driver
