// tgc run: one run of a package, inputs and outputs as NumPy files.
#include "compiler/driver/Command.h"
#include "compiler/driver/Reports.h"
#include "compiler/driver/Tensors.h"
#include "compiler/driver/Trace.h"
#include <chrono>

namespace tgc::driver {
namespace {

struct Arguments : BindingArguments {
  std::string package, device = "cpu", output, trace;
};

void run(const Arguments &arguments) {
  Device device = openDevice(arguments.device.c_str());
  Program program = loadProgram(device.get(), arguments.package);
  bindWeights(program.get(), arguments);
  Arrays inputs = readInputs(arguments.inputs);
  if (arguments.randomInputs)
    addRandomInputs(program.get(), *arguments.randomInputs, inputs);
  Arrays outputs = makeOutputs(program.get());
  std::vector<tgc_tensor> in = tensorsOf(inputs), out = tensorsOf(outputs);
  call(tgc_program_prepare(program.get()));
  auto start = std::chrono::steady_clock::now();
  std::vector<uint64_t> nanoseconds;
  if (arguments.trace.empty()) {
    call(tgc_program_run(program.get(), in.data(), in.size(), out.data(), out.size()));
  } else {
    tgc_program_info info;
    call(tgc_program_describe(program.get(), &info));
    nanoseconds.resize(info.run_launches);
    call(tgc_program_run_timed(program.get(), in.data(), in.size(), out.data(), out.size(),
                               nanoseconds.data(), nanoseconds.size()));
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!arguments.trace.empty()) {
    TracedRun run{seconds, {}};
    for (uint64_t launch : nanoseconds)
      run.launches.push_back(double(launch) * 1e-9);
    writeJson(arguments.trace, traceOf(program.get(), arguments.device, {run}));
  }
  if (std::filesystem::path(arguments.output).extension() == ".npz") {
    runtime::writeNpz(arguments.output, {outputs.begin(), outputs.end()});
  } else if (!arguments.output.empty()) {
    std::filesystem::create_directories(arguments.output);
    for (const auto &[name, array] : outputs)
      runtime::writeNpy((std::filesystem::path(arguments.output) / (fileName(name) + ".npy")).string(),
                        array);
  }
  for (const auto &[name, array] : outputs)
    fmt::print("{} {} {}\n", name, runtime::dtypeName(array.dtype), runtime::shapeText(array.shape));
  fmt::print("{:.2f} ms\n", seconds * 1e3);
}

} // namespace

void addRun(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("run", "Run a package once");
  command->add_option("package", arguments->package, "package that tgc compile wrote")->required();
  command->add_option("--device", arguments->device, "device to run on")->capture_default_str();
  addBindingOptions(*command, *arguments);
  command->add_option("-o,--output", arguments->output, "folder for NAME.npy files, or a file.npz");
  command->add_option("--trace", arguments->trace, "write a trace of the run for Perfetto to this JSON file");
  command->callback([arguments] { run(*arguments); });
}

} // namespace tgc::driver
