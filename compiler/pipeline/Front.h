// What the stages before code made of a model, kept for the next compilation of it.
#pragma once
#include "compiler/pipeline/Stages.h"

namespace tgc {

/// The module behind the schedule stage, under the model behind the import stage, the device and the keeper's version.
/// It holds as long as the database would give the same decisions of the cutter and the same schedules.
class Front {
public:
  /// Of the module behind the import stage.
  explicit Front(StageAccess access);
  /// Puts the kept module in the place of the compilation's; false where there is none or it does not hold any more.
  bool take();
  /// Keeps the module, which the schedule stage has left.
  void keep();

  /// Whether this compilation comes to nothing but what model, device and database say.
  static bool applies(const CompileOptions &options);

private:
  bool holds(mlir::ModuleOp module) const;

  StageAccess access;
  std::string key;
};

} // namespace tgc
