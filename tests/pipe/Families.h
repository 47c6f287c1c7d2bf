// Texts of contractions and attention kernels of random shape, for tests of the pipe.
#pragma once
#include <random>
#include <string>
#include <vector>

namespace tgc::test {

/// Names of the families that randomKernel knows.
const std::vector<std::string> &pipeFamilies();

/// A kernel `@name` of that family, small enough for the evaluator.
std::string randomKernel(const std::string &family, std::mt19937_64 &random);

} // namespace tgc::test
