// .npz is a ZIP archive of .npy files. The archive's directory at its end says where the members are.
#include "runtime/format/Error.h"
#include "runtime/format/File.h"
#include "runtime/io/Npy.h"
#include <cstring>
#include <zlib.h>

namespace tgc::runtime {

namespace {
constexpr uint32_t EndMark = 0x06054b50, EntryMark = 0x02014b50, MemberMark = 0x04034b50;
constexpr uint32_t End64Mark = 0x06064b50, Locator64Mark = 0x07064b50;
constexpr size_t EndBytes = 22, EntryBytes = 46, MemberBytes = 30, Locator64Bytes = 20, End64Bytes = 56;

/// Little-endian fields of the file, checked against its end.
class Fields {
public:
  explicit Fields(const Bytes &file) : file(file) {}
  uint64_t get(uint64_t at, unsigned bytes) const {
    need(at, bytes);
    uint64_t value = 0;
    std::memcpy(&value, file.data() + at, bytes);
    return value;
  }
  void need(uint64_t at, uint64_t bytes) const {
    if (at > file.size() || bytes > file.size() - at)
      badInput("the archive is damaged");
  }

private:
  const Bytes &file;
};

struct Entry {
  std::string name;
  uint64_t method, crc, packed, size, offset;
};

/// The directory's place and count; archives with many or large members have it in a 64-bit record.
std::pair<uint64_t, uint64_t> findDirectory(const Bytes &file, const Fields &fields) {
  if (file.size() < EndBytes)
    badInput("not a .npz archive");
  uint64_t at = file.size() - EndBytes;
  uint64_t lowest = at > 65535 ? at - 65535 : 0; // an archive comment may follow
  while (fields.get(at, 4) != EndMark) {
    if (at == lowest)
      badInput("not a .npz archive");
    --at;
  }
  uint64_t count = fields.get(at + 10, 2), start = fields.get(at + 16, 4);
  if ((count == 0xffff || start == 0xffffffff) && at >= Locator64Bytes &&
      fields.get(at - Locator64Bytes, 4) == Locator64Mark) {
    uint64_t end64 = fields.get(at - Locator64Bytes + 8, 8);
    fields.need(end64, End64Bytes);
    if (fields.get(end64, 4) != End64Mark)
      badInput("the archive is damaged");
    count = fields.get(end64 + 32, 8);
    start = fields.get(end64 + 48, 8);
  }
  return {start, count};
}

/// Sizes and offset of 0xffffffff are in the extra field with id 1, in this order.
void readExtra(Entry &entry, const Fields &fields, uint64_t at, uint64_t length) {
  uint64_t end = at + length;
  while (at + 4 <= end) {
    uint64_t id = fields.get(at, 2), bytes = fields.get(at + 2, 2);
    uint64_t next = at + 4;
    if (id == 1)
      for (uint64_t *value : {&entry.size, &entry.packed, &entry.offset})
        if (*value == 0xffffffff && next + 8 <= at + 4 + bytes) {
          *value = fields.get(next, 8);
          next += 8;
        }
    at += 4 + bytes;
  }
}

std::vector<Entry> readDirectory(const Bytes &file, const Fields &fields) {
  auto [at, count] = findDirectory(file, fields);
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    fields.need(at, EntryBytes);
    if (fields.get(at, 4) != EntryMark)
      badInput("the archive is damaged");
    uint64_t name = fields.get(at + 28, 2), extra = fields.get(at + 30, 2), comment = fields.get(at + 32, 2);
    fields.need(at + EntryBytes, name + extra + comment);
    Entry entry{std::string(reinterpret_cast<const char *>(file.data()) + at + EntryBytes, name),
                fields.get(at + 10, 2),
                fields.get(at + 16, 4),
                fields.get(at + 20, 4),
                fields.get(at + 24, 4),
                fields.get(at + 42, 4)};
    readExtra(entry, fields, at + EntryBytes + name, extra);
    entries.push_back(std::move(entry));
    at += EntryBytes + name + extra + comment;
  }
  return entries;
}

Bytes inflateMember(const Bytes &packed, uint64_t size) {
  // Deflate expands at most 1032 times, so that a false size cannot ask for much memory.
  if (size / 1032 > packed.size())
    badInput("the archive is damaged");
  std::vector<uint8_t> result(size);
  z_stream stream{};
  if (inflateInit2(&stream, -15) != Z_OK)
    deviceError("out of memory");
  uint64_t in = 0, out = 0;
  int status = Z_OK;
  constexpr uint64_t Piece = uint64_t(1) << 30; // zlib counts with 32 bits
  uint8_t nothing = 0;
  do {
    uint64_t inPiece = std::min(Piece, packed.size() - in), outPiece = std::min(Piece, size - out);
    stream.next_in = const_cast<Bytef *>(packed.data() + in);
    stream.avail_in = static_cast<uInt>(inPiece);
    stream.next_out = outPiece ? result.data() + out : &nothing;
    stream.avail_out = static_cast<uInt>(outPiece);
    status = inflate(&stream, Z_NO_FLUSH);
    in += inPiece - stream.avail_in;
    out += outPiece - stream.avail_out;
  } while (status == Z_OK && (in < packed.size() || out < size));
  inflateEnd(&stream);
  if (status != Z_STREAM_END || out != size)
    badInput("the archive's compressed data is damaged");
  return Bytes(std::move(result));
}

uint32_t checksum(const Bytes &data) {
  return static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), data.data(), data.size()));
}

Bytes readMember(const Bytes &file, const Fields &fields, const Entry &entry) {
  fields.need(entry.offset, MemberBytes);
  if (fields.get(entry.offset, 4) != MemberMark)
    badInput("the archive is damaged");
  uint64_t data =
      entry.offset + MemberBytes + fields.get(entry.offset + 26, 2) + fields.get(entry.offset + 28, 2);
  fields.need(data, entry.packed);
  Bytes packed = file.slice(data, entry.packed);
  if (entry.method != 0 && entry.method != 8)
    badInput("the archive uses compression method " + std::to_string(entry.method));
  if (entry.method == 0 && entry.packed != entry.size)
    badInput("the archive is damaged");
  Bytes content = entry.method == 0 ? packed : inflateMember(packed, entry.size);
  if (checksum(content) != entry.crc)
    badInput("the archive's checksum does not agree");
  return content;
}

void put(std::vector<uint8_t> &out, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i)
    out.push_back(static_cast<uint8_t>(value >> 8 * i));
}

/// The fields that a member's header and its directory entry share, from "version needed" on.
void putCommon(std::vector<uint8_t> &out, uint32_t crc, uint64_t size, uint64_t nameBytes) {
  put(out, 20, 2);
  put(out, 0, 2);      // flags
  put(out, 0, 2);      // stored
  put(out, 0, 2);      // time
  put(out, 0x0021, 2); // 1 January 1980
  put(out, crc, 4);
  put(out, size, 4);
  put(out, size, 4);
  put(out, nameBytes, 2);
  put(out, 0, 2); // no extra field
}
} // namespace

NamedArrays readNpz(const std::string &path) {
  Bytes file = MappedFile::open(path)->bytes();
  Fields fields(file);
  NamedArrays arrays;
  std::string where = path + ": ";
  try {
    for (const Entry &entry : readDirectory(file, fields)) {
      std::string name = entry.name;
      if (name.size() < 4 || name.substr(name.size() - 4) != ".npy")
        continue;
      name.resize(name.size() - 4);
      where = path + ": " + name + ": ";
      arrays.emplace_back(name, parseNpy(readMember(file, fields, entry)));
    }
  } catch (const Error &error) {
    throw Error(error.kind, where + error.what());
  }
  return arrays;
}

void writeNpz(const std::string &path, const NamedArrays &arrays) {
  std::vector<uint8_t> file, directory;
  for (const auto &[name, array] : arrays) {
    std::string member = name + ".npy";
    Bytes content(formatNpy(array));
    uint32_t crc = checksum(content);
    uint64_t offset = file.size();
    if (offset + content.size() + member.size() + directory.size() > 0xfffe0000)
      badInput("cannot write " + path + ": the arrays exceed 4 GB");
    put(file, MemberMark, 4);
    putCommon(file, crc, content.size(), member.size());
    file.insert(file.end(), member.begin(), member.end());
    file.insert(file.end(), content.data(), content.data() + content.size());
    put(directory, EntryMark, 4);
    put(directory, 20, 2); // made by
    putCommon(directory, crc, content.size(), member.size());
    put(directory, 0, 2); // comment
    put(directory, 0, 2); // disk
    put(directory, 0, 2); // attributes
    put(directory, 0, 4);
    put(directory, offset, 4);
    directory.insert(directory.end(), member.begin(), member.end());
  }
  uint64_t start = file.size();
  file.insert(file.end(), directory.begin(), directory.end());
  put(file, EndMark, 4);
  put(file, 0, 4); // disks
  put(file, arrays.size(), 2);
  put(file, arrays.size(), 2);
  put(file, directory.size(), 4);
  put(file, start, 4);
  put(file, 0, 2); // no comment
  if (arrays.size() >= 0xffff)
    badInput("cannot write " + path + ": too many arrays");
  writeFileAtomically(path, Bytes(std::move(file)));
}

} // namespace tgc::runtime
