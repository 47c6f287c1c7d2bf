// tgc bench: repeated timing of a package, as a whole and by kernel.
#include "compiler/driver/Command.h"
#include "compiler/driver/KernelBench.h"
#include "compiler/driver/Reports.h"
#include "compiler/driver/Tensors.h"
#include "compiler/driver/Trace.h"
#include "compiler/support/Error.h"
#include <algorithm>
#include <sys/resource.h>

namespace tgc::driver {
namespace {

struct Arguments : BindingArguments {
  std::string package, device = "cpu", exportPath, tracePath;
  size_t warmup = 1, repetitions = 5, rows = 20, randomSchedules = 0;
  bool json = false;
  KernelBenchOptions kernels;
  std::vector<std::string> schedules;
  bool warm = false;
};

struct Samples {
  std::vector<double> total;                 ///< seconds of each repetition
  std::vector<std::vector<double>> launches; ///< by launch, then repetition
};

double quantile(std::vector<double> values, double q) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  double at = q * (values.size() - 1);
  size_t low = size_t(at);
  return values[low] + (at - low) * (values[std::min(low + 1, values.size() - 1)] - values[low]);
}

Samples measure(tgc_program *program, const Arguments &arguments, Arrays &inputs, Arrays &outputs) {
  tgc_program_info info;
  call(tgc_program_describe(program, &info));
  Samples samples;
  samples.launches.resize(info.run_launches);
  std::vector<tgc_tensor> in = tensorsOf(inputs), out = tensorsOf(outputs);
  auto record = [](void *user, size_t, uint64_t total, const uint64_t *launches, size_t count) {
    Samples &samples = *static_cast<Samples *>(user);
    samples.total.push_back(total * 1e-9);
    for (size_t i = 0; i < count && launches; ++i)
      samples.launches[i].push_back(launches[i] * 1e-9);
    return 0;
  };
  call(tgc_program_bench(program, in.data(), in.size(), out.data(), out.size(), arguments.warmup,
                         arguments.repetitions, 1, record, &samples));
  return samples;
}

/// All launches of one kernel together.
struct KernelRow {
  std::string kernel, schedule, shape;
  size_t launches = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

std::vector<KernelRow> kernelRows(tgc_program *program, const Samples &samples) {
  std::map<std::string, KernelRow> byName;
  for (size_t i = 0; i < samples.launches.size(); ++i) {
    tgc_launch_info launch;
    call(tgc_program_launch(program, TGC_RUN_LIST, i, &launch));
    KernelRow &row = byName[launch.kernel];
    row.kernel = launch.kernel;
    row.schedule = launch.schedule;
    row.shape = launch.shape;
    ++row.launches;
    row.seconds += quantile(samples.launches[i], 0.5);
    row.flops += launch.flops;
    row.bytes += launch.bytes_moved;
  }
  std::vector<KernelRow> rows;
  for (auto &[name, row] : byName)
    rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](auto &a, auto &b) { return a.seconds > b.seconds; });
  return rows;
}

double peakMemory() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024.0;
}

nlohmann::json toJson(const Samples &samples, const std::vector<KernelRow> &rows) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const KernelRow &row : rows)
    kernels.push_back({{"kernel", row.kernel},
                       {"shape", row.shape},
                       {"schedule", row.schedule},
                       {"launches", row.launches},
                       {"seconds", row.seconds},
                       {"flops", row.flops},
                       {"bytes", row.bytes}});
  return {{"median", quantile(samples.total, 0.5)},
          {"p10", quantile(samples.total, 0.1)},
          {"p90", quantile(samples.total, 0.9)},
          {"repetitions", samples.total},
          {"launches", samples.launches.size()},
          {"peak_memory", peakMemory()},
          {"kernels", kernels}};
}

void printTable(const Samples &samples, const std::vector<KernelRow> &rows, size_t limit) {
  double sum = 0;
  for (const KernelRow &row : rows)
    sum += row.seconds;
  fmt::print("{:>9} {:>6} {:>5} {:>9} {:>8}  kernel\n", "ms", "share", "runs", "GFLOP/s", "GB/s");
  for (const KernelRow &row : std::vector(rows.begin(), rows.begin() + std::min(limit, rows.size()))) {
    double seconds = std::max(row.seconds, 1e-9);
    fmt::print("{:9.3f} {:5.1f}% {:5} {:9.1f} {:8.1f}  {}  {}\n", row.seconds * 1e3,
               100 * row.seconds / std::max(sum, 1e-9), row.launches, row.flops / seconds * 1e-9,
               row.bytes / seconds * 1e-9, row.kernel, row.schedule);
  }
  if (rows.size() > limit)
    fmt::print("          … and {} more kernels\n", rows.size() - limit);
  fmt::print("launches {}, sum of kernels {:.3f} ms\n", samples.launches.size(), sum * 1e3);
  fmt::print("median {:.3f} ms  p10 {:.3f}  p90 {:.3f}  of {}   peak memory {}\n",
             quantile(samples.total, 0.5) * 1e3, quantile(samples.total, 0.1) * 1e3,
             quantile(samples.total, 0.9) * 1e3, samples.total.size(), bytesText(peakMemory()));
}

std::vector<TracedRun> tracedRuns(const Samples &samples) {
  std::vector<TracedRun> runs;
  for (size_t r = 0; r < samples.total.size(); ++r) {
    TracedRun &run = runs.emplace_back();
    run.total = samples.total[r];
    for (const std::vector<double> &launch : samples.launches)
      run.launches.push_back(launch[r]);
  }
  return runs;
}

nlohmann::json toJson(const KernelBenchRow &row) {
  return {{"kernel", row.kernel},
          {"schedule", row.schedule},
          {"launches", row.launches},
          {"seconds", row.seconds},
          {"median", quantile(row.seconds, 0.5)},
          {"flops", row.flops},
          {"bytes", row.bytes},
          {"roofline", row.roofline},
          {"checked", row.checked},
          {"wrong", row.wrong},
          {"worst", row.worst},
          {"message", row.message},
          {"exit", row.exitCode}};
}

void printRow(const KernelBenchRow &row) {
  double seconds = std::max(quantile(row.seconds, 0.5), 1e-9);
  std::string verdict = row.wrong      ? fmt::format("WRONG {} of {}", row.wrong, row.checked)
                        : row.exitCode ? "failed"
                        : row.checked  ? fmt::format("ok {:.2f}", row.worst)
                                       : "unchecked";
  if (row.seconds.empty())
    fmt::print("{:>9} {:>9} {:>9} {:>8} {:>6}", "-", "-", "-", "-", "-");
  else
    fmt::print("{:9.2f} {:9.2f} {:9.1f} {:8.1f} {:5.0f}%", seconds * 1e6, quantile(row.seconds, 0.1) * 1e6,
               row.flops / seconds * 1e-9, row.bytes / seconds * 1e-9, 100 * row.roofline / seconds);
  fmt::print("  {:<10} {}  {}{}\n", verdict, row.kernel, row.schedule,
             row.message.empty() ? "" : "\n    " + row.message);
  std::fflush(stdout);
}

/// Each kernel under random schedules, checked and not timed. What is about to run is said on standard error, for what
/// hangs or ends the process; a lost device ends the rest.
void checkRandomSchedules(KernelBenchOptions options, size_t count) {
  options.repetitions = 0;
  options.rounds = 1;
  options.cold = false;
  size_t runs = 0, failures = 0, elements = 0;
  int worst = 0;
  Device held = openDevice(deviceOf(options).c_str());
  for (const std::string &name : kernelsOf(options)) {
    KernelCase kernel(options, name);
    for (const std::string &schedule : kernel.randomSchedules(count, options.seed)) {
      fmt::print(stderr, "{} {}\n", name, schedule);
      KernelBenchRow row = kernel.run(schedule);
      ++runs;
      elements += row.checked;
      if (row.exitCode == 0)
        continue;
      ++failures;
      worst = worst == 0 ? row.exitCode : worst;
      printRow(row);
      if (row.exitCode == static_cast<int>(ErrorKind::Device))
        break;
    }
    if (worst == static_cast<int>(ErrorKind::Device))
      break;
  }
  fmt::print("seed {}: {} runs, {} elements, {} failures\n", options.seed, runs, elements, failures);
  if (worst != 0)
    throw Error(static_cast<ErrorKind>(worst), "a schedule failed or is wrong");
}

/// Kernels are measured one by one, and a line is printed as soon as it is known.
void benchKernels(const Arguments &arguments) {
  KernelBenchOptions options = arguments.kernels;
  options.target = arguments.device;
  options.repetitions = arguments.repetitions;
  options.cold = !arguments.warm;
  for (const std::string &text : arguments.schedules)
    options.schedules.insert(splitAssignment(text, "--schedule"));
  if (arguments.randomSchedules > 0)
    return checkRandomSchedules(options, arguments.randomSchedules);
  std::vector<std::string> names = kernelsOf(options);
  nlohmann::json json = nlohmann::json::array();
  if (!arguments.json)
    fmt::print("{:>9} {:>9} {:>9} {:>8} {:>6}  {:<10} kernel\n", "us", "p10", "GFLOP/s", "GB/s", "roof",
               "check");
  int worst = 0;
  for (const std::string &name : names) {
    KernelBenchRow row = benchKernel(options, name);
    json.push_back(toJson(row));
    if (worst == 0)
      worst = row.exitCode;
    if (!arguments.json)
      printRow(row);
  }
  if (!arguments.exportPath.empty())
    writeJson(arguments.exportPath, json);
  if (arguments.json)
    fmt::print("{}\n", json.dump(2));
  if (worst != 0)
    throw Error(static_cast<ErrorKind>(worst), "a kernel failed or is wrong");
}

void bench(const Arguments &arguments) {
  if (!arguments.kernels.file.empty())
    return benchKernels(arguments);
  if (arguments.package.empty())
    usageError("bench needs a package, or --kernels");
  Device device = openDevice(arguments.device.c_str());
  Program program = loadProgram(device.get(), arguments.package);
  bindWeights(program.get(), arguments);
  Arrays inputs = readInputs(arguments.inputs);
  addRandomInputs(program.get(), arguments.randomInputs.value_or(0), inputs);
  Arrays outputs = makeOutputs(program.get());
  Samples samples = measure(program.get(), arguments, inputs, outputs);
  std::vector<KernelRow> rows = kernelRows(program.get(), samples);
  nlohmann::json json = toJson(samples, rows);
  if (!arguments.exportPath.empty())
    writeJson(arguments.exportPath, json);
  if (!arguments.tracePath.empty())
    writeJson(arguments.tracePath, traceOf(program.get(), arguments.device, tracedRuns(samples)));
  if (arguments.json)
    fmt::print("{}\n", json.dump(2));
  else
    printTable(samples, rows, arguments.rows);
}

} // namespace

void addBench(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("bench", "Time a package, as a whole and by kernel");
  command->add_option("package", arguments->package, "package that tgc compile wrote");
  command->add_option("--device", arguments->device, "device to run on")->capture_default_str();
  addBindingOptions(*command, *arguments);
  command->add_option("--warmup", arguments->warmup, "runs before the first measured one")
      ->capture_default_str();
  command->add_option("--repeat", arguments->repetitions, "measured runs")->capture_default_str();
  command->add_option("--rows", arguments->rows, "kernels in the table")->capture_default_str();
  command->add_option("--export", arguments->exportPath, "write all numbers to this JSON file");
  command->add_option("--trace", arguments->tracePath,
                      "write a trace of all measured runs for Perfetto to this JSON file");
  command->add_flag("--json", arguments->json, "print JSON in place of the table");
  KernelBenchOptions &kernels = arguments->kernels;
  command->add_option("--kernels", kernels.file,
                      "in place of a package: compile, check and time this file's kernels");
  command->add_option("--run-on", kernels.device,
                      "--kernels: device of this machine, if --device is a target's name");
  command->add_option("--kernel", kernels.only, "--kernels: this one alone");
  command->add_option("--schedule", arguments->schedules, "--kernels: KERNEL=SCHEDULE");
  command->add_option("--random-schedules", arguments->randomSchedules,
                      "--kernels: check each kernel under so many schedules by chance; times nothing");
  command->add_option("--save", kernels.save, "--kernels: write each kernel's package to this folder");
  command->add_option("--seed", kernels.seed, "--kernels: of the numbers")->capture_default_str();
  command->add_option("--rounds", kernels.rounds, "--kernels: launches in each run")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--samples", kernels.samples,
                   "--kernels: elements compared with the reference; 0 for none")
      ->capture_default_str();
  command->add_flag("--warm", arguments->warm, "--kernels: leave the caches as the launch before left them");
  command->callback([arguments] { bench(*arguments); });
}

} // namespace tgc::driver
