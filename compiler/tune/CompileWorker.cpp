#include "compiler/tune/CompileWorker.h"

#include "compiler/pipeline/Compilation.h"
#include "compiler/support/Error.h"
#include "runtime/format/Package.h"
#include "search/measure/Child.h"
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

namespace tgc {

std::string printCompileRequest(const CompileRequest &request) {
  return nlohmann::json{{"text", request.text},
                        {"kernel", request.kernel},
                        {"schedule", request.schedule},
                        {"device", request.device},
                        {"output", request.output}}
      .dump();
}

/// Gives the answer.
static std::string compileOne(const nlohmann::json &request) {
  CompileOptions options;
  options.model = request.at("text").get<std::string>();
  options.from = "kernel";
  options.device = request.at("device");
  options.schedules[request.at("kernel")] = request.at("schedule");
  options.jobs = 1;
  Compilation compilation(options);
  compilation.run();
  try {
    runtime::writePackage(compilation.package(), request.at("output"));
  } catch (const std::exception &error) {
    return std::string(unwrittenPrefix) + error.what();
  }
  std::string remarks; // spills, and what the assembler could not do as asked
  for (const auto &[kernel, report] : compilation.reports())
    remarks += report.code;
  return remarks.empty() ? "" : remarkPrefix + remarks;
}

int serveCompilations() {
  exitWithParent();
  for (std::string line; std::getline(std::cin, line);) {
    std::string answer;
    try {
      answer = compileOne(nlohmann::json::parse(line));
    } catch (const std::exception &error) {
      answer = error.what();
      if (answer.empty())
        answer = "failed";
    }
    std::replace(answer.begin(), answer.end(), '\n', ' ');
    std::cout << answer << std::endl;
  }
  return 0;
}

} // namespace tgc
