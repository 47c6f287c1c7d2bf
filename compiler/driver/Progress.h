// A progress line on a terminal.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace tgc::driver {

/// A function that redraws one line on standard error as a stage advances; empty when that is no terminal.
std::function<void(std::string_view stage, size_t done, size_t total)> makeProgress();
/// A function that writes notes to standard error, each text once in this process.
std::function<void(const std::string &text)> makeNotes();
/// Takes the line away, so that other output starts on a clean one.
void clearProgress();

} // namespace tgc::driver
