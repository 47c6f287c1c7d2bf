// Reader of the protobuf wire format over bytes in memory, without copies.
#pragma once
#include "compiler/support/Error.h"
#include <cstring>
#include <string_view>

namespace tgc::onnx {

/// Walks the fields of one message: `while (wire.next()) switch (wire.field()) …`. A field that is not read
/// is skipped. Errors: BadInput where the bytes are not a message.
class Wire {
public:
  explicit Wire(std::string_view bytes) : cursor(bytes.data()), end(cursor + bytes.size()) {}

  bool next() {
    if (pending)
      skip();
    if (cursor == end)
      return false;
    uint64_t key = readVarint();
    number = uint32_t(key >> 3);
    type = int(key & 7);
    if (number == 0)
      damaged();
    pending = true;
    return true;
  }

  uint32_t field() const { return number; }
  bool isBytes() const { return type == 2; }

  uint64_t varint() {
    expect(0);
    return readVarint();
  }
  int64_t integer() { return int64_t(varint()); }
  float float32() {
    expect(5);
    return fixed<float>();
  }
  double float64() {
    expect(1);
    return fixed<double>();
  }
  std::string_view bytes() {
    expect(2);
    return readBytes();
  }

  /// Elements of a repeated scalar field, packed or single: visit(value) for each.
  template <typename Visit>
  void varints(Visit &&visit) {
    if (type != 2)
      return visit(varint());
    Wire packed(bytes());
    while (packed.cursor != packed.end)
      visit(packed.readVarint());
  }
  template <typename T, typename Visit>
  void fixeds(Visit &&visit) {
    if (type != 2) {
      expect(sizeof(T) == 4 ? 5 : 1);
      return visit(fixed<T>());
    }
    Wire packed(bytes());
    while (packed.cursor != packed.end)
      visit(packed.fixed<T>());
  }

private:
  [[noreturn]] static void damaged() { badInput("not a valid ONNX file: damaged protobuf data"); }

  void expect(int wanted) {
    if (type != wanted)
      damaged();
    pending = false;
  }

  uint64_t readVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (cursor == end)
        damaged();
      uint8_t byte = uint8_t(*cursor++);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return value;
    }
    damaged();
  }

  std::string_view readBytes() {
    uint64_t size = readVarint();
    if (size > uint64_t(end - cursor))
      damaged();
    std::string_view result(cursor, size);
    cursor += size;
    return result;
  }

  template <typename T>
  T fixed() {
    if (size_t(end - cursor) < sizeof(T))
      damaged();
    T value;
    std::memcpy(&value, cursor, sizeof(T));
    cursor += sizeof(T);
    return value;
  }

  void skip() {
    pending = false;
    if (type == 0)
      readVarint();
    else if (type == 1)
      fixed<uint64_t>();
    else if (type == 2)
      readBytes();
    else if (type == 5)
      fixed<uint32_t>();
    else
      damaged();
  }

  const char *cursor;
  const char *end;
  uint32_t number = 0;
  int type = 0;
  bool pending = false;
};

} // namespace tgc::onnx
