#include "compiler/driver/Command.h"

#include "compiler/driver/DeviceNames.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Records.h"
#include "compiler/support/Error.h"
#include <charconv>

namespace tgc::driver {

std::pair<std::string, std::string> splitAssignment(const std::string &text, const char *option) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    usageError("{}: expected NAME=VALUE, got '{}'", option, text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

static std::vector<int64_t> parseShape(const std::string &text, const std::string &whole) {
  std::vector<int64_t> shape;
  for (size_t begin = 0; begin <= text.size() && !text.empty();) {
    size_t end = std::min(text.find('x', begin), text.size());
    int64_t extent = 0;
    auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, extent);
    if (error != std::errc() || stop != text.data() + end || extent < 0)
      usageError("--shape: '{}' is no shape such as sample=1x4x64x64", whole);
    shape.push_back(extent);
    begin = end + 1;
  }
  return shape;
}

void ModelArguments::addTo(CLI::App &command) {
  command.add_option("model", model, "ONNX file, or a stage's text with --from")->required();
  command
      .add_option("--device", device,
                  "device to compile for: a name that tgc devices lists, or a device of this\nmachine such "
                  "as opencl:0 or level_zero:0")
      ->capture_default_str();
  command.add_option("--precision", precision, "recast the model's floating-point types")
      ->check(CLI::IsMember({"keep", "f32", "tf32", "f16", "bf16"}));
  command.add_option("--shape", shapes, "NAME=1x4x64x64: shape of an input with symbolic dimensions");
  command.add_option("--schedule", schedules, "KERNEL='upcast(n,16) …': run a kernel by this schedule");
  command.add_option("--turn", turned,
                     "a decision of the cutter, as tgc kernels --decisions names it, made the other way; "
                     "else\nas the database has it");
  command.add_option("--db", database,
                     "tuning database (default: $TGC_DATABASE, else ~/.local/share/tgc/tuning.db)");
  command.add_option("--from", from, "the file holds this stage's text");
  command.add_option("-j,--jobs", jobs, "threads that compile kernels (default: all cores)");
  command.add_flag("-v,--verbose", verbose, "say what each stage took");
}

CompileOptions ModelArguments::options() const {
  CompileOptions options;
  options.model = model;
  options.device = targetOf(device);
  options.from = from;
  options.jobs = jobs;
  if (!precision.empty() && precision != "keep")
    options.import.precision = precision;
  for (const std::string &shape : shapes) {
    auto [name, extents] = splitAssignment(shape, "--shape");
    options.import.shapes[name] = parseShape(extents, shape);
  }
  for (const std::string &schedule : schedules) {
    auto [kernel, text] = splitAssignment(schedule, "--schedule");
    options.schedules[kernel] = text;
  }
  options.recorded = recordedSchedules(database, options.device);
  options.recordedCut = recordedCuts(database, options.device);
  options.kept = keptFronts(database);
  if (!turned.empty())
    options.turned = turned;
  options.progress = makeProgress();
  options.note = makeNotes();
  return options;
}

} // namespace tgc::driver
