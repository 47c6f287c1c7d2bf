// The compiler's side of searching cuts: a model cut with decisions turned, and its new kernels tuned.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include "search/tune/CutSearch.h"
#include "search/tune/Tuner.h"

namespace tgc {

class ModelCuts : public CutHost {
public:
  /// What came of one cut.
  struct Tuned {
    std::vector<Workload> workloads;
    TuneResult result;
  };

  /// `front` compiles up to the kernel stage; everything given outlives this. `program` is this executable.
  ModelCuts(const CompileOptions &front, const std::string &program, const DeviceInfo &device,
            Measurer &measurer, Database &database, const TuneOptions &tuning)
      : front(front), program(program), device(device), measurer(measurer), database(database),
        tuning(tuning) {}

  std::optional<CutTrial> measure(const std::vector<std::string> &turned, double seconds) override;
  /// Of a cut that was measured.
  const Tuned &tuned(const std::vector<std::string> &turned) const { return known.at(turned); }

private:
  const CompileOptions &front;
  const std::string program;
  const DeviceInfo &device;
  Measurer &measurer;
  Database &database;
  const TuneOptions &tuning;
  std::map<std::vector<std::string>, Tuned> known;
};

} // namespace tgc
