// A process that compiles candidates: one request a line, one answer a line.
#pragma once
#include <string>

namespace tgc {

struct CompileRequest {
  std::string text;   ///< file: a kernel-stage module with one kernel and a program that launches it
  std::string kernel; ///< its symbol
  std::string schedule;
  std::string device; ///< as tgc compile takes it
  std::string output; ///< the package to write
};

std::string printCompileRequest(const CompileRequest &request);
/// Begins the answer to a request whose package is there although the assembler has something to say of its code.
inline constexpr const char *remarkPrefix = "remark: ";
/// Begins the answer when a candidate's package cannot be written, which is not the candidate's fault.
inline constexpr const char *unwrittenPrefix = "unwritten: ";
/// Answers requests on standard input until it ends: an empty line for success, one of the prefixes and what there is to
/// say, else what went wrong with the candidate, on one line. Gives the process's exit code.
int serveCompilations();

} // namespace tgc
