#include "codegen/ptx/Assemble.h"

#include "compiler/support/Error.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace llvm;

namespace tgc::ptx {
namespace {

/// The few functions of libnvJitLink that are needed, by their documented C interface.
struct JitLink {
  using Handle = void *;
  static constexpr int inputPtx = 2;
  int (*create)(Handle *, uint32_t, const char **) = nullptr;
  int (*destroy)(Handle *) = nullptr;
  int (*addData)(Handle, int, const void *, size_t, const char *) = nullptr;
  int (*complete)(Handle) = nullptr;
  int (*cubinSize)(Handle, size_t *) = nullptr;
  int (*cubin)(Handle, void *) = nullptr;
  int (*errorSize)(Handle, size_t *) = nullptr;
  int (*error)(Handle, char *) = nullptr;
  int (*infoSize)(Handle, size_t *) = nullptr;
  int (*info)(Handle, char *) = nullptr;

  /// Null if the library is not there.
  static const JitLink *get() {
    static const std::optional<JitLink> loaded = open();
    return loaded ? &*loaded : nullptr;
  }

private:
  static std::optional<JitLink> open() {
    std::vector<std::string> names;
    if (const char *chosen = std::getenv("TGC_NVJITLINK")) {
      if (StringRef(chosen) == "off")
        return std::nullopt;
      names.push_back(chosen);
    } else {
      for (const char *folder : {"", "/usr/local/cuda/lib64/"})
        for (const char *name : {"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so"})
          names.push_back(std::string(folder) + name);
    }
    void *library = nullptr;
    for (const std::string &name : names)
      if ((library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)))
        break;
    if (!library)
      return std::nullopt;
    JitLink link;
    bool whole = true;
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      whole &= function != nullptr;
    };
    find(link.create, "nvJitLinkCreate");
    find(link.destroy, "nvJitLinkDestroy");
    find(link.addData, "nvJitLinkAddData");
    find(link.complete, "nvJitLinkComplete");
    find(link.cubinSize, "nvJitLinkGetLinkedCubinSize");
    find(link.cubin, "nvJitLinkGetLinkedCubin");
    find(link.errorSize, "nvJitLinkGetErrorLogSize");
    find(link.error, "nvJitLinkGetErrorLog");
    find(link.infoSize, "nvJitLinkGetInfoLogSize");
    find(link.info, "nvJitLinkGetInfoLog");
    return whole ? std::optional(link) : std::nullopt;
  }
};

/// Reads "Used 40 registers", "8 bytes spill stores, 8 bytes spill loads" and keeps lines that warn.
void readLog(StringRef text, Assembled &result) {
  auto numberBefore = [](StringRef line, StringRef words) -> uint32_t {
    size_t at = line.find(words);
    uint32_t number = 0;
    if (at != StringRef::npos)
      line.take_front(at).rtrim().rsplit(' ').second.getAsInteger(10, number);
    return number;
  };
  SmallVector<StringRef> lines;
  text.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    if (line.contains("Used "))
      result.registers = std::max(result.registers, numberBefore(line, " registers"));
    uint32_t spills = numberBefore(line, " bytes spill stores") + numberBefore(line, " bytes spill loads");
    result.spillBytes += spills;
    bool advice = StringRef(line).contains_insensitive("warning") || line.contains("wgmma") ||
                  line.contains("setmaxnreg");
    if (spills > 0 || advice)
      result.log += line.trim().str() + "\n";
  }
}

Assembled assembleByLibrary(const JitLink &link, const std::string &ptx, const std::string &architecture) {
  std::string arch = "-arch=" + architecture;
  const char *options[] = {arch.c_str(), "-O3", "-verbose", "-Xptxas=-v", "-Xptxas=--warn-on-spills"};
  JitLink::Handle handle = nullptr;
  auto text = [&](auto size, auto get) {
    size_t bytes = 0;
    if (!handle || size(handle, &bytes) != 0 || bytes == 0)
      return std::string();
    std::string log(bytes, '\0');
    get(handle, log.data());
    while (!log.empty() && log.back() == '\0')
      log.pop_back();
    return log;
  };
  Assembled result;
  size_t bytes = 0;
  int status = link.create(&handle, std::size(options), options);
  if (status == 0)
    status = link.addData(handle, JitLink::inputPtx, ptx.data(), ptx.size() + 1, "kernel.ptx");
  if (status == 0)
    status = link.complete(handle);
  if (status == 0)
    status = link.cubinSize(handle, &bytes);
  if (status == 0) {
    result.cubin.resize(bytes);
    status = link.cubin(handle, result.cubin.data());
  }
  std::string errors = text(link.errorSize, link.error), notes = text(link.infoSize, link.info);
  if (handle)
    link.destroy(&handle);
  if (status != 0)
    internalError("libnvJitLink refuses a kernel for {} (status {}): {}", architecture, status, errors);
  readLog(notes + "\n" + errors, result);
  return result;
}

Assembled assembleByProgram(const std::string &program, const std::string &ptx,
                            const std::string &architecture) {
  SmallString<128> input, output, log;
  for (auto [path, suffix] : {std::pair(&input, "ptx"), std::pair(&output, "cubin"), std::pair(&log, "log")})
    if (std::error_code error = sys::fs::createTemporaryFile("tgc", suffix, *path))
      internalError("no temporary file for ptxas: {}", error.message());
  FileRemover removeInput(input), removeOutput(output), removeLog(log);
  {
    std::error_code error;
    raw_fd_ostream file(input, error);
    file << ptx;
    file.close();
    if (error || file.has_error())
      internalError("cannot write {}", input.str().str());
  }
  std::string arch = "-arch=" + architecture;
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log), StringRef(log)};
  std::string message;
  int status = sys::ExecuteAndWait(
      program, {program, arch, "-O3", "-v", "--warn-on-spills", StringRef(input), "-o", StringRef(output)},
      std::nullopt, redirects, 0, 0, &message);
  auto read = [](StringRef path) {
    auto buffer = MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  };
  std::string notes = read(log);
  if (status != 0)
    internalError("{} refuses a kernel for {}: {}{}", program, architecture, message, notes);
  Assembled result;
  std::string bytes = read(output);
  result.cubin.assign(bytes.begin(), bytes.end());
  readLog(notes, result);
  return result;
}

} // namespace

/// libnvJitLink compiles every input so that others may be linked to it: it takes up to twice the registers, and makes
/// ptxas ignore setmaxnreg, so that kernels with roles would spill. ptxas and the driver compile whole programs.
static bool needsWholeProgram(StringRef ptx) { return ptx.contains("setmaxnreg"); }

static std::optional<Assembled> assembleOnce(const std::string &ptx, const std::string &architecture) {
  std::string program;
  if (const char *chosen = std::getenv("TGC_PTXAS"))
    program = chosen;
  else if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    program = *found;
  else if (ErrorOr<std::string> usual = sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    program = *usual;
  if (!program.empty() && program != "off")
    return assembleByProgram(program, ptx, architecture);
  if (const JitLink *link = needsWholeProgram(ptx) ? nullptr : JitLink::get())
    return assembleByLibrary(*link, ptx, architecture);
  return std::nullopt;
}

/// The text with word that one block a multiprocessor is enough, if it says nothing of that.
static std::optional<std::string> forOneBlock(StringRef ptx) {
  size_t at = ptx.find("\n.reqntid");
  if (at == StringRef::npos || ptx.contains(".minnctapersm"))
    return std::nullopt;
  at = ptx.find('\n', at + 1);
  return (ptx.take_front(at) + "\n.minnctapersm 1" + ptx.drop_front(at)).str();
}

std::optional<Assembled> assemble(const std::string &ptx, const std::string &architecture) {
  std::optional<Assembled> first = assembleOnce(ptx, architecture);
  if (!first || first->spillBytes == 0)
    return first;
  // For one more block on a multiprocessor ptxas spills a little.
  std::optional<std::string> roomy = forOneBlock(ptx);
  std::optional<Assembled> second = roomy ? assembleOnce(*roomy, architecture) : std::nullopt;
  return second && second->spillBytes < first->spillBytes ? second : first;
}

} // namespace tgc::ptx
