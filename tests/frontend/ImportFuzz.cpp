// tgc-import-fuzz [--count N] [--seed S] MODEL...: imports damaged copies of models. A damaged model may
// import or be refused as bad or unsupported; an internal error, another exception or a crash is a failure.
// The seed of each copy is printed with --verbose before the copy is imported. Most damage is to single
// values of the protobuf tree, some to raw bytes.
#include "frontends/onnx/Import.h"

#include "mlir/IR/MLIRContext.h"
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <unistd.h>

namespace {

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

using Random = std::mt19937_64;
size_t below(Random &random, size_t n) { return size_t(random() % std::max<size_t>(n, 1)); }

/// Truncates, or changes, inserts and removes a few bytes.
std::string damageBytes(std::string bytes, Random &random) {
  if (below(random, 4) == 0)
    return bytes.substr(0, below(random, bytes.size()));
  for (size_t n = 1 + below(random, 4); n-- > 0 && !bytes.empty();) {
    size_t at = below(random, bytes.size());
    switch (below(random, 4)) {
    case 0:
      bytes[at] = char(random());
      break;
    case 1:
      bytes[at] = char(bytes[at] ^ (1 << below(random, 8)));
      break;
    case 2:
      bytes.insert(at, 1, char(random()));
      break;
    default:
      bytes.erase(at, 1 + below(random, 3));
    }
  }
  return bytes;
}

/// A protobuf message as a tree, so that damage to a value leaves the framing whole.
struct Field {
  uint64_t key;
  uint64_t number = 0;         ///< of a varint
  std::string bytes;           ///< of other leaves
  std::vector<Field> children; ///< of messages
  bool isMessage = false;
};

bool readVarint(std::string_view &in, uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    uint8_t byte = uint8_t(in[0]);
    in.remove_prefix(1);
    value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return false;
}

bool parse(std::string_view in, std::vector<Field> &fields, int depth = 0) {
  while (!in.empty()) {
    Field field{};
    uint64_t size = 0;
    if (!readVarint(in, field.key) || field.key >> 3 == 0 || field.key >> 3 > 64)
      return false;
    int type = int(field.key & 7);
    if (type == 0) {
      if (!readVarint(in, field.number))
        return false;
    } else {
      if (type == 2 ? !readVarint(in, size) : type != 1 && type != 5)
        return false;
      size = type == 1 ? 8 : type == 5 ? 4 : size;
      if (size > in.size())
        return false;
      field.bytes = in.substr(0, size);
      in.remove_prefix(size);
      field.isMessage = type == 2 && size > 1 && depth < 12 && parse(field.bytes, field.children, depth + 1);
      if (!field.isMessage)
        field.children.clear();
    }
    fields.push_back(std::move(field));
  }
  return true;
}

void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += char(value | 0x80);
  out += char(value);
}

std::string serialise(const std::vector<Field> &fields) {
  std::string out;
  for (const Field &field : fields) {
    writeVarint(out, field.key);
    std::string bytes = field.isMessage ? serialise(field.children) : field.bytes;
    if ((field.key & 7) == 0)
      writeVarint(out, field.number);
    else if ((field.key & 7) == 2)
      writeVarint(out, bytes.size());
    out += bytes;
  }
  return out;
}

void collect(std::vector<Field> &fields, std::vector<std::pair<std::vector<Field> *, size_t>> &all) {
  for (size_t i = 0; i < fields.size(); ++i) {
    all.push_back({&fields, i});
    collect(fields[i].children, all);
  }
}

std::string damageFields(const std::string &bytes, Random &random) {
  std::vector<Field> fields;
  if (!parse(bytes, fields))
    return damageBytes(bytes, random);
  for (size_t n = 1 + below(random, 3); n-- > 0;) {
    std::vector<std::pair<std::vector<Field> *, size_t>> all;
    collect(fields, all);
    if (all.empty())
      break;
    auto [siblings, i] = all[below(random, all.size())];
    Field &field = (*siblings)[i];
    switch (below(random, 6)) {
    case 0:
      siblings->erase(siblings->begin() + i);
      break;
    case 1:
      siblings->insert(siblings->begin() + i, Field(field));
      break;
    case 2:
      std::swap(field, (*siblings)[below(random, siblings->size())]);
      break;
    default:
      if ((field.key & 7) == 0) {
        const uint64_t special[] = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    100,
                                    uint64_t(-1),
                                    uint64_t(-2),
                                    uint64_t(-5),
                                    1u << 20,
                                    uint64_t(1) << 31,
                                    uint64_t(1) << 40,
                                    uint64_t(1) << 62,
                                    uint64_t(1) << 63};
        field.number = special[below(random, std::size(special))];
      } else if (!field.isMessage && !field.bytes.empty()) {
        if (below(random, 4) == 0)
          field.bytes.resize(below(random, field.bytes.size()));
        else
          field.bytes[below(random, field.bytes.size())] = char(random());
      }
    }
  }
  return serialise(fields);
}

std::string damage(const std::string &bytes, Random &random) {
  return below(random, 8) == 0 ? damageBytes(bytes, random) : damageFields(bytes, random);
}

} // namespace

int main(int argc, char **argv) {
  uint64_t seed = 1, count = 100;
  bool verbose = false;
  std::vector<std::string> models;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--count" && i + 1 < argc)
      count = std::stoull(argv[++i]);
    else if (argument == "--seed" && i + 1 < argc)
      seed = std::stoull(argv[++i]);
    else if (argument == "--verbose")
      verbose = true;
    else
      models.push_back(argument);
  }
  std::filesystem::path copy =
      std::filesystem::temp_directory_path() / ("tgc-import-fuzz-" + std::to_string(getpid()) + ".onnx");
  size_t imported = 0, refused = 0, failed = 0;
  for (const std::string &model : models) {
    std::string original = readFile(model);
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    for (uint64_t s = seed; s < seed + count; ++s) {
      if (verbose)
        std::cout << model << " seed " << s << std::endl;
      Random random(s);
      std::ofstream(copy, std::ios::binary | std::ios::trunc) << damage(original, random);
      try {
        tgc::onnx::importModel(context, copy);
        ++imported;
      } catch (const tgc::Error &error) {
        ++refused;
        if (verbose)
          std::cout << error.what() << std::endl;
        if (error.kind() != tgc::ErrorKind::BadInput && error.kind() != tgc::ErrorKind::Unsupported) {
          ++failed;
          std::cout << model << " seed " << s << ": " << error.what() << std::endl;
        }
      } catch (const std::exception &error) {
        ++failed;
        std::cout << model << " seed " << s << ": " << error.what() << std::endl;
      }
    }
  }
  std::filesystem::remove(copy);
  std::cout << imported << " imported, " << refused << " refused, " << failed << " failed\n";
  return failed || imported + refused == 0;
}
