// The compiler's side of tuning: workloads of a model, their candidates' packages, their reference values.
#pragma once
#include "compiler/pipeline/Compilation.h"
#include "search/tune/Tuner.h"

namespace tgc {

class TuneSession : public TuneHost {
public:
  /// The compilation must have run up to the kernel stage and outlive the session. `program` is this executable, whose
  /// hidden command compile-worker compiles candidates, `jobs` at a time (0: one a core). Scratch files live as long as
  /// the session.
  TuneSession(Compilation &compilation, std::string device, std::string program, unsigned jobs);
  ~TuneSession() override;

  const std::vector<Workload> &workloads() const override;
  std::vector<size_t> parts(size_t workload, const std::string &schedule) override;
  std::vector<CompileReply> compile(const std::vector<CompileJob> &jobs) override;
  const std::vector<SampledElement> &samples(size_t workload, uint64_t seed) override;
  std::string disagreement(size_t workload, const std::vector<double> &values) override;

  /// Bytes that one run of the model goes through: every buffer of every launch once.
  uint64_t modelBytes() const;
  /// Candidates that compile at a time.
  size_t jobs() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// A module with one kernel and a program that launches it on inputs, outputs and, for its free buffers, weights, all
/// called by the buffers' names. A buffer that is a window is cast from a dense one of its span.
mlir::OwningOpRef<mlir::ModuleOp> standaloneModule(kernel::FuncOp kernel, const KernelInfo &info);

} // namespace tgc
