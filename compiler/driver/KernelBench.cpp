// 1. Write a program around the kernel: everything it loads is a weight, so that it lies on the device, and
//    rounds of launches with, between them, one that reads a large buffer and so empties the caches.
// 2. Compile it from the kernel stage: packing and splits happen as in a model.
// 3. Fill what it loads with numbers close to normal, run once, and compare sampled elements of what it stores
//    with the reference evaluator on the same numbers.
// 4. Run it timed; a round's time is the sum of its launches' device times.
#include "compiler/driver/KernelBench.h"

#include "compiler/driver/Numbers.h"
#include "compiler/driver/Tensors.h"
#include "compiler/kernel/Elements.h"
#include "compiler/kernel/Evaluate.h"
#include "compiler/schedule/Describe.h"
#include "compiler/support/Error.h"
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "runtime/io/RandomWeights.h"
#include <random>

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
  ProgramText(kernel::FuncOp func, const KernelInfo &info, const KernelBenchOptions &options, int64_t cacheBytes)
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
      text_ += fmt::format("  %flush = kernel.weight \"{0}\" : {1}\n  %sums = kernel.output \"{0}_out\" : {2}\n",
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
  void addBuffer(size_t i, MemRefType type, std::vector<std::string> &names, std::vector<std::string> &types) {
    const BufferInfo &buffer = info_.buffers[i];
    bool plain = type.getLayout().isIdentity();
    MemRefType base = plain ? type : MemRefType::get({spanOf(type)}, type.getElementType());
    text_ += fmt::format("  %b{} = kernel.{} \"{}\" : {}\n", i, buffer.stored ? "output" : "weight", buffer.name,
                         print(base));
    names.push_back(fmt::format("%{}{}", plain ? "b" : "v", i));
    types.push_back(print(type));
    if (plain)
      return;
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    (void)getStridesAndOffset(type, strides, offset);
    text_ += fmt::format("  %v{0} = memref.reinterpret_cast %b{0} to offset: [{1}], sizes: [{2}], strides: [{3}] : "
                         "{4} to {5}\n",
                         i, offset, fmt::join(type.getShape(), ", "), fmt::join(strides, ", "), print(base),
                         print(type));
  }

  kernel::FuncOp func_;
  const KernelInfo &info_;
  std::string text_;
};

/// What a kernel loads, by name. Floats close to normal with deviation 1; integers from 0 to 3, so that they can
/// be indices; i1 both.
Arrays makeInputs(const runtime::Package &package, uint64_t seed) {
  Arrays arrays;
  for (const runtime::Weight &weight : package.weights) {
    if (weight.name == FlushName)
      continue;
    uint64_t bytes = *runtime::tensorBytes(weight.dtype, weight.shape), size = runtime::dtypeBytes(weight.dtype);
    std::vector<uint8_t> data(bytes);
    switch (weight.dtype) {
    case runtime::DType::F16:
    case runtime::DType::BF16:
    case runtime::DType::F32:
    case runtime::DType::F64:
      runtime::fillRandom(weight.dtype, {1, 1}, weight.name, seed, 0, bytes / size, data.data());
      break;
    default:
      for (uint64_t i = 0; i < bytes / size; ++i)
        data[i * size] = uint8_t(i * 2654435761u >> 7) & (weight.dtype == runtime::DType::Bool ? 1 : 3);
    }
    arrays[weight.name] = {weight.dtype, weight.shape, runtime::Bytes(std::move(data))};
  }
  return arrays;
}

/// Corners, and elements at random.
std::vector<kernel::Sample> chooseSamples(kernel::FuncOp func, const KernelInfo &info, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<kernel::Sample> samples;
  for (auto [i, buffer] : llvm::enumerate(func.getBuffers())) {
    if (!info.buffers[i].stored)
      continue;
    ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
    size_t corners = size_t(1) << std::min<size_t>(shape.size(), 3);
    for (size_t s = 0; s < std::max(count, corners); ++s) {
      kernel::Sample sample{unsigned(i), {}};
      for (auto [d, extent] : llvm::enumerate(shape)) {
        bool last = s >> std::min<size_t>(d, 2) & 1;
        sample.coordinates.push_back(s < corners ? (last ? extent - 1 : 0) : int64_t(random() % uint64_t(extent)));
      }
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

double elementOf(const runtime::Array &array, int64_t at) {
  size_t size = runtime::dtypeBytes(array.dtype);
  return toDoubles({array.dtype, {1}, array.data.slice(size_t(at) * size, size)})[0];
}

/// The reference takes a walk over the reductions for each sample: fewer where they are long.
size_t affordable(const KernelInfo &info, size_t wanted) {
  double outputs = 1;
  for (const BufferInfo &buffer : info.buffers)
    outputs += buffer.stored ? double(buffer.elements()) : 0;
  double each = std::max(1.0, info.flops / outputs);
  constexpr double Budget = 3e7;
  return std::clamp<size_t>(size_t(Budget / each), std::min<size_t>(wanted, 8), wanted);
}

void compareSamples(kernel::FuncOp func, const KernelInfo &info, const KernelBenchOptions &options,
                    const Arrays &inputs, const Arrays &outputs, KernelBenchRow &row) {
  std::vector<kernel::Bytes> bytes;
  for (const BufferInfo &buffer : info.buffers) {
    auto it = inputs.find(buffer.name);
    bytes.push_back(it == inputs.end() ? kernel::Bytes()
                                       : kernel::Bytes(reinterpret_cast<const char *>(it->second.data.data()),
                                                       it->second.data.size()));
  }
  std::vector<kernel::Sample> samples = chooseSamples(func, info, affordable(info, options.samples), options.seed);
  std::vector<kernel::Reference> references = kernel::evaluateAt(func, bytes, samples);
  for (auto [sample, reference] : llvm::zip(samples, references)) {
    if (!reference.stored)
      continue;
    auto type = cast<MemRefType>(func.getBuffers()[sample.argument].getType());
    SmallVector<int64_t> strides;
    int64_t at = 0;
    (void)getStridesAndOffset(type, strides, at);
    for (auto [coordinate, stride] : llvm::zip(sample.coordinates, strides))
      at += coordinate * stride;
    double value = elementOf(outputs.at(info.buffers[sample.argument].name), at);
    kernel::Tolerance tolerance = kernel::toleranceOf(type.getElementType());
    double allowed = tolerance.relative * std::abs(reference.value) + tolerance.ofScale * reference.scale;
    if (allowed > 0 && std::isfinite(value) && std::isfinite(reference.value))
      row.worst = std::max(row.worst, std::abs(value - reference.value) / allowed);
    ++row.checked;
    if (kernel::agrees(value, reference.value, reference.scale, type.getElementType()))
      continue;
    if (row.wrong++ == 0)
      row.message = fmt::format("{}[{}] is {}, not {}", info.buffers[sample.argument].name,
                                fmt::join(sample.coordinates, ","), value, reference.value);
  }
  if (row.wrong > 0)
    row.exitCode = static_cast<int>(ErrorKind::Internal);
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

void measure(const KernelBenchOptions &options, const std::string &name, KernelBenchRow &row) {
  std::unique_ptr<Compilation> parsed = parseFile(options);
  auto func = parsed->module().lookupSymbol<kernel::FuncOp>(name);
  KernelInfo info = describeKernel(func);
  const DeviceInfo &device = parsed->target().device();
  row.flops = info.flops;
  row.bytes = info.bytes;
  row.roofline = rooflineSeconds(info, device);

  CompileOptions compile;
  compile.model = options.file;
  compile.text = ProgramText(func, info, options, std::max(device.l2Bytes, device.l3Bytes)).text();
  compile.device = options.target;
  compile.from = "kernel";
  if (auto it = options.schedules.find(name); it != options.schedules.end())
    compile.schedules.insert(*it);
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
  Device opened = openDevice(options.device.empty() ? compilation.package().device.c_str() : options.device.c_str());
  tgc_program *loaded = nullptr;
  call(tgc_program_load_memory(opened.get(), bytes.data(), bytes.size(), nullptr, &loaded));
  Program program(loaded);
  call(tgc_program_use_random(program.get(), options.seed));
  Arrays inputs = makeInputs(compilation.package(), options.seed);
  for (const tgc_tensor &tensor : tensorsOf(inputs))
    call(tgc_program_set_weight(program.get(), &tensor));
  if (options.samples > 0) {
    Arrays outputs = makeOutputs(program.get());
    std::vector<tgc_tensor> out = tensorsOf(outputs);
    call(tgc_program_run(program.get(), nullptr, 0, out.data(), out.size()));
    compareSamples(func, info, options, inputs, outputs, row);
  }
  if (options.repetitions > 0)
    time(program.get(), options, row);
}

} // namespace

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

KernelBenchRow benchKernel(const KernelBenchOptions &options, const std::string &kernel) {
  KernelBenchRow row;
  row.kernel = kernel;
  auto fail = [&](int code, const std::string &message) {
    row.exitCode = code;
    row.message = message;
  };
  try {
    measure(options, kernel, row);
  } catch (const Error &error) {
    fail(error.exitCode(), error.what());
  } catch (const runtime::Error &error) {
    fail(static_cast<int>(error.kind), error.what());
  } catch (const std::exception &error) {
    fail(static_cast<int>(ErrorKind::Internal), error.what());
  }
  return row;
}

} // namespace tgc::driver
