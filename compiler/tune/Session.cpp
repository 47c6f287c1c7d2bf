// 1. Workloads: every kernel that the run list launches, once.
// 2. A candidate is compiled from the workload's own small module, by processes that a broken compilation
//    cannot take the search down with.
#include "compiler/tune/Session.h"

#include "compiler/kernel/Canonical.h"
#include "compiler/kernel/transforms/Launches.h"
#include "compiler/schedule/Describe.h"
#include "compiler/schedule/TakeApart.h"
#include "compiler/support/Error.h"
#include "compiler/support/ScratchFolder.h"
#include "compiler/tune/CompileWorker.h"
#include "compiler/tune/Reference.h"
#include "runtime/io/Threads.h"
#include "search/measure/Child.h"
#include <atomic>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>

using namespace mlir;

namespace tgc {

OwningOpRef<ModuleOp> standaloneModule(kernel::FuncOp kernel, const KernelInfo &info) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  auto clone = cast<kernel::FuncOp>(builder.clone(*kernel));
  clone.removeScheduleAttr();
  OperationState state(kernel.getLoc(), kernel::ProgramOp::getOperationName());
  state.addAttribute("sym_name", builder.getStringAttr("main"));
  state.addRegion()->emplaceBlock();
  auto program = cast<kernel::ProgramOp>(builder.create(state));
  builder.setInsertionPointToEnd(program.getBlock());
  SmallVector<Value> buffers;
  for (auto [i, buffer] : llvm::enumerate(kernel.getBuffers())) {
    const BufferInfo &described = info.buffers[i];
    auto type = cast<MemRefType>(buffer.getType());
    MemRefType whole =
        type.getLayout().isIdentity() ? type : MemRefType::get({described.span()}, type.getElementType());
    Location loc = kernel.getLoc();
    Value made;
    if (described.stored)
      made = builder.create<kernel::OutputOp>(loc, whole, described.name, StringAttr());
    else if (described.free)
      made = builder.create<kernel::WeightOp>(loc, whole, described.name, Attribute());
    else
      made = builder.create<kernel::InputOp>(loc, whole, described.name, StringAttr());
    buffers.push_back(whole == type ? made : kernel::castBuffer(builder, made, type));
  }
  builder.create<kernel::LaunchOp>(kernel.getLoc(), kernel.getSymName(), buffers, false);
  return module;
}

/// Names of the ONNX nodes behind a kernel, a few of them.
static std::string nodesOf(kernel::FuncOp kernel) {
  std::string text;
  for (const std::string &name : nodeNames(kernel.getLoc())) {
    if (text.size() > 200)
      return text + ", …";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

struct TuneSession::Impl {
  ScratchFolder folder{"tgc-tune"}; ///< outlives those who write there
  std::mutex adding;                ///< held where the list grows, and where another thread reads it
  std::vector<Workload> workloads;
  std::vector<kernel::FuncOp> kernels;
  std::vector<std::unique_ptr<SampledReference>> references;
  std::map<std::pair<size_t, std::string>, CompileReply> compiled;
  size_t packages = 0; ///< files made, which their numbers name
  std::vector<std::unique_ptr<Child>> compilers;
  std::vector<OwningOpRef<ModuleOp>> parts; ///< modules that hold kernels of schedules that took others apart
  /// Of each schedule asked for: the workloads' launches are counted once.
  std::map<std::pair<size_t, std::string>, std::vector<size_t>> partsOf;
  std::string device;
  uint64_t modelBytes = 0;

  std::string pathOf(size_t workload) const {
    return (folder.path() / fmt::format("{}.mlir", workload)).string();
  }

  /// Adds a workload, and writes the module that its candidates are compiled from, so that compiling needs no
  /// MLIR of this process.
  void add(kernel::FuncOp kernel) {
    Workload workload;
    workload.name = kernel.getSymName().str();
    workload.info = describeKernel(kernel);
    workload.record = {workloadKey(workload.info.hash), kernel::canonicalText(kernel),
                       kernel::shapeClass(kernel), nodesOf(kernel)};
    OwningOpRef<ModuleOp> module = standaloneModule(kernel, workload.info);
    std::string text;
    llvm::raw_string_ostream(text) << *module << "\n";
    if (!(std::ofstream(pathOf(workloads.size())) << text).flush())
      throw Error(ErrorKind::Device, pathOf(workloads.size()) + ": cannot be written");
    std::lock_guard lock(adding);
    workloads.push_back(std::move(workload));
    kernels.push_back(kernel);
    references.emplace_back();
  }

  CompileReply compileOne(Child &child, const CompileJob &job, size_t number) {
    constexpr double limitSeconds = 60;
    std::string name;
    {
      std::lock_guard lock(adding);
      name = workloads[job.workload].name;
    }
    CompileRequest request{pathOf(job.workload), name, job.schedule, device,
                           (folder.path() / fmt::format("{}.tgc", number)).string()};
    Child::Answer answer = child.ask(printCompileRequest(request), limitSeconds);
    if (answer.end)
      return {"", "the compiler " + answer.message, ""};
    if (answer.line.starts_with(unwrittenPrefix))
      throw Error(ErrorKind::Device, answer.line.substr(std::strlen(unwrittenPrefix)));
    if (answer.line.starts_with(remarkPrefix))
      return {request.output, "", answer.line.substr(std::strlen(remarkPrefix))};
    if (!answer.line.empty())
      return {"", answer.line, ""};
    return {request.output, "", ""};
  }
};

TuneSession::TuneSession(Compilation &compilation, std::string device, std::string program, unsigned jobs)
    : impl(std::make_unique<Impl>()) {
  impl->device = std::move(device);
  std::map<std::string, size_t> position;
  for (auto launch : compilation.program().getOps<kernel::LaunchOp>()) {
    for (Value buffer : launch.getBuffers())
      impl->modelBytes += uint64_t(cast<MemRefType>(buffer.getType()).getNumElements()) *
                          std::max(1u, cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8);
    if (launch.getPrepare())
      continue;
    auto [it, isNew] = position.try_emplace(launch.getKernel().str(), impl->workloads.size());
    if (!isNew) {
      ++impl->workloads[it->second].launches;
      continue;
    }
    impl->add(compilation.module().lookupSymbol<kernel::FuncOp>(it->first));
  }
  if (jobs == 0)
    jobs = runtime::threadCount();
  for (unsigned i = 0; i < jobs; ++i)
    impl->compilers.push_back(
        std::make_unique<Child>(std::vector{program, std::string("compile-worker")}, uint64_t(4) << 30));
}

TuneSession::~TuneSession() = default;

const std::vector<Workload> &TuneSession::workloads() const { return impl->workloads; }

std::vector<size_t> TuneSession::parts(size_t workload, const std::string &text) {
  auto [asked, isNew] = impl->partsOf.try_emplace({workload, text});
  if (!isNew)
    return asked->second;
  Schedule schedule = parseSchedule(text);
  if (!schedule.splitsKernel())
    return {};
  const KernelInfo info = impl->workloads[workload].info;
  PartsResult plan = planParts(info, schedule);
  if (!plan)
    return {};
  OwningOpRef<ModuleOp> module = standaloneModule(impl->kernels[workload], info);
  takeApart(*module, *module->getOps<kernel::FuncOp>().begin(), info, plan);
  std::vector<size_t> &found = asked->second;
  auto program = *module->getOps<kernel::ProgramOp>().begin();
  for (auto launch : program.getOps<kernel::LaunchOp>()) {
    if (launch.getPrepare())
      continue;
    auto kernel = module->lookupSymbol<kernel::FuncOp>(launch.getKernel());
    std::string key = workloadKey(describeKernel(kernel).hash);
    auto known = std::find_if(impl->workloads.begin(), impl->workloads.end(),
                              [&](const Workload &other) { return other.record.key == key; });
    size_t position = size_t(known - impl->workloads.begin());
    size_t launches = impl->workloads[workload].launches;
    if (known == impl->workloads.end()) {
      impl->add(kernel);
      impl->workloads.back().launches = launches;
    } else {
      known->launches += launches;
    }
    found.push_back(position);
  }
  impl->parts.push_back(std::move(module));
  return found;
}

size_t TuneSession::jobs() const { return impl->compilers.size(); }
uint64_t TuneSession::modelBytes() const { return impl->modelBytes; }

std::vector<CompileReply> TuneSession::compile(const std::vector<CompileJob> &jobs) {
  std::vector<CompileReply> replies(jobs.size());
  std::vector<size_t> missing;
  for (size_t i = 0; i < jobs.size(); ++i) {
    auto known = impl->compiled.find({jobs[i].workload, jobs[i].schedule});
    if (known != impl->compiled.end())
      replies[i] = known->second;
    else
      missing.push_back(i);
  }
  std::atomic<size_t> next = 0;
  size_t base = std::exchange(impl->packages, impl->packages + missing.size());
  std::mutex failing;
  std::exception_ptr failure;
  auto work = [&](Child &child) {
    try {
      for (size_t n; (n = next++) < missing.size();)
        replies[missing[n]] = impl->compileOne(child, jobs[missing[n]], base + n);
    } catch (...) {
      std::lock_guard lock(failing);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(impl->compilers.size(), missing.size()); ++i)
    threads.emplace_back(work, std::ref(*impl->compilers[i]));
  work(*impl->compilers[0]);
  for (std::thread &thread : threads)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
  for (size_t i : missing)
    impl->compiled[{jobs[i].workload, jobs[i].schedule}] = replies[i];
  return replies;
}

const std::vector<SampledElement> &TuneSession::samples(size_t workload, uint64_t seed) {
  std::unique_ptr<SampledReference> &reference = impl->references[workload];
  if (!reference)
    reference =
        std::make_unique<SampledReference>(impl->kernels[workload], impl->workloads[workload].info, seed);
  return reference->samples();
}

std::string TuneSession::disagreement(size_t workload, const std::vector<double> &values) {
  return impl->references[workload]->disagreement(values);
}

} // namespace tgc
