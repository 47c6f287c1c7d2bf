// tgc weights: a model's weights listed, or made from a seed and written where the model looks for them.
#include "compiler/driver/Command.h"
#include "compiler/driver/RuntimeCall.h"
#include "compiler/graph/Graph.h"
#include "runtime/format/DType.h"

namespace tgc::driver {
namespace {

struct Place {
  std::string name, file;
  std::vector<int64_t> shape;
  tgc_dtype dtype;
  uint64_t offset;
};

/// Weights that lie inside the model's own file are there already.
std::vector<Place> externalWeights(mlir::ModuleOp module, const std::filesystem::path &model) {
  std::vector<Place> places;
  module.walk([&](graph::WeightOp weight) {
    auto source =
        llvm::dyn_cast_if_present<graph::ExternalAttr>(weight.getSource().value_or(mlir::Attribute()));
    if (!source || source.getPath() == model.filename().string())
      return;
    auto type = llvm::cast<mlir::RankedTensorType>(weight.getResult().getType());
    std::string element;
    llvm::raw_string_ostream(element) << type.getElementType();
    tgc_dtype dtype =
        static_cast<tgc_dtype>(runtime::dtypeByName(element == "i1" ? "bool" : element).value());
    places.push_back({weight.getName().str(), source.getPath().str(), type.getShape().vec(), dtype,
                      uint64_t(source.getOffset())});
  });
  return places;
}

void writeRandom(const std::vector<Place> &places, uint64_t seed, const std::filesystem::path &folder) {
  std::map<std::string, std::vector<tgc_random_place>> byFile;
  for (const Place &place : places)
    byFile[place.file].push_back(
        {place.name.c_str(), place.dtype, uint32_t(place.shape.size()), place.shape.data(), place.offset});
  for (const auto &[file, list] : byFile) {
    std::filesystem::path path = folder / file;
    if (std::filesystem::exists(path))
      usageError("{} exists; remove it first", path.string());
    call(tgc_random_write_file(path.c_str(), list.data(), list.size(), seed));
    fmt::print("{}: {} tensors\n", path.string(), list.size());
  }
}

} // namespace

void addWeights(CLI::App &app) {
  struct Arguments : ModelArguments {
    std::optional<uint64_t> seed;
    std::string folder;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("weights", "List a model's external weights, or make random ones");
  arguments->addTo(*command);
  command->add_option("--seed", arguments->seed, "write random weights made from this seed");
  command->add_option("-o,--output", arguments->folder, "folder to write to (default: the model's)");
  command->callback([arguments] {
    CompileOptions options = arguments->options();
    options.until = "import";
    Compilation compilation(options);
    compilation.run();
    std::vector<Place> places = externalWeights(compilation.module(), options.model);
    if (arguments->seed) {
      std::filesystem::path folder =
          arguments->folder.empty() ? options.model.parent_path() : std::filesystem::path(arguments->folder);
      return writeRandom(places, *arguments->seed, folder);
    }
    for (const Place &place : places)
      fmt::print("{} {} {} {}+{}\n", place.name, tgc_dtype_name(place.dtype), runtime::shapeText(place.shape),
                 place.file, place.offset);
  });
}

} // namespace tgc::driver
