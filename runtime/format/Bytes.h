// A read-only range of bytes together with whatever keeps it alive: a vector, a mapped file, or nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace tgc::runtime {

class Bytes {
public:
  Bytes() = default;
  Bytes(std::vector<uint8_t> bytes) {
    auto held = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
    first = held->data();
    count = held->size();
    owner = std::move(held);
  }
  /// Without an owner the caller keeps the memory alive.
  static Bytes view(const void *data, size_t size, std::shared_ptr<const void> owner = nullptr) {
    Bytes bytes;
    bytes.first = static_cast<const uint8_t *>(data);
    bytes.count = size;
    bytes.owner = std::move(owner);
    return bytes;
  }
  const uint8_t *data() const { return first; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  /// The part [offset, offset + size), which must lie inside.
  Bytes slice(size_t offset, size_t size) const { return view(first + offset, size, owner); }

private:
  std::shared_ptr<const void> owner;
  const uint8_t *first = nullptr;
  size_t count = 0;
};

} // namespace tgc::runtime
