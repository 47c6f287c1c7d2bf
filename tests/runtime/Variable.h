// An environment variable for the length of a scope.
#pragma once
#include <cstdlib>
#include <string>

namespace tgc::runtime::test {

struct Variable {
  Variable(const char *name, const std::string &value) : name(name) {
    if (const char *text = std::getenv(name))
      old = text;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { old.empty() ? ::unsetenv(name) : ::setenv(name, old.c_str(), 1); }
  Variable(const Variable &) = delete;
  const char *name;
  std::string old;
};

} // namespace tgc::runtime::test
