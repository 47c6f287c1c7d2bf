// From an ELF object to a flat image:
//  1. Place every allocated section at its alignment: code first, then constants.
//  2. Collect the undefined symbols that relocations use; give each a jump stub behind the constants and an
//     8-byte slot in the page-aligned writable region at the end.
//  3. Apply the relocations. PC-relative ones are final, because the distances inside an image are fixed.
//     A call of an undefined symbol goes to its stub, a load of its address through its slot.
#include "codegen/cpu/LinkImage.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace llvm::object;

namespace tgc::cpu {
namespace {

Error linkError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "linking a CPU image: " + message);
}

class Linker {
public:
  Linker(ELF64LEObjectFile &object, std::vector<CpuFunction> entries) : object(object) {
    image.functions = std::move(entries);
  }

  Expected<CpuImage> run() {
    if (Error error = place())
      return error;
    if (Error error = addImports())
      return error;
    if (Error error = relocate())
      return error;
    if (Error error = findEntries())
      return error;
    return std::move(image);
  }

private:
  struct Import {
    uint64_t stub, slot;
  };

  static constexpr uint64_t stubBytes = 8;

  Error placeOne(const SectionRef &section) {
    ELFSectionRef elf(section);
    if ((elf.getFlags() & ELF::SHF_WRITE) && section.getSize() != 0)
      return linkError("the object has writable data");
    Expected<StringRef> contents = section.getContents();
    if (!contents)
      return contents.takeError();
    uint64_t offset = alignTo(image.bytes.size(), section.getAlignment());
    image.bytes.resize(offset);
    image.bytes.insert(image.bytes.end(), contents->bytes_begin(), contents->bytes_end());
    placed[section.getIndex()] = offset;
    return Error::success();
  }

  Error place() {
    for (bool code : {true, false})
      for (const SectionRef &section : object.sections()) {
        ELFSectionRef elf(section);
        // Unwind tables are of no use: the code neither throws nor calls what does.
        bool wanted = (elf.getFlags() & ELF::SHF_ALLOC) && elf.getType() != ELF::SHT_X86_64_UNWIND;
        if (Expected<StringRef> name = section.getName(); !name)
          return name.takeError();
        else if (*name == ".eh_frame")
          wanted = false;
        if (wanted && section.isText() == code)
          if (Error error = placeOne(section))
            return error;
      }
    return Error::success();
  }

  /// Calls `use(section offset, relocation, symbol)` for each relocation of a placed section.
  template <typename Use>
  Error forEachRelocation(Use use) {
    for (const SectionRef &section : object.sections()) {
      Expected<section_iterator> target = section.getRelocatedSection();
      if (!target)
        return target.takeError();
      if (*target == object.section_end())
        continue;
      auto base = placed.find((*target)->getIndex());
      if (base == placed.end())
        continue;
      for (const RelocationRef &relocation : section.relocations()) {
        symbol_iterator symbol = relocation.getSymbol();
        if (symbol == object.symbol_end())
          return linkError("a relocation without symbol");
        if (Error error = use(base->second, ELFRelocationRef(relocation), ELFSymbolRef(*symbol)))
          return error;
      }
    }
    return Error::success();
  }

  static Expected<bool> isUndefined(const ELFSymbolRef &symbol) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    return (*flags & SymbolRef::SF_Undefined) != 0;
  }

  Error addImports() {
    std::vector<std::string> names;
    Error error =
        forEachRelocation([&](uint64_t, const ELFRelocationRef &, const ELFSymbolRef &symbol) -> Error {
          Expected<bool> undefined = isUndefined(symbol);
          if (!undefined)
            return undefined.takeError();
          Expected<StringRef> name = symbol.getName();
          if (!name)
            return name.takeError();
          if (*undefined && imports.try_emplace(*name, Import{}).second)
            names.push_back(name->str());
          return Error::success();
        });
    if (error)
      return error;
    uint64_t stub = alignTo(image.bytes.size(), 16);
    image.bytes.resize(stub + stubBytes * names.size());
    image.writableOffset = alignTo(image.bytes.size(), CpuImage::alignment);
    image.writableSize = alignTo(8 * names.size(), CpuImage::alignment);
    image.bytes.resize(image.writableOffset + image.writableSize);
    uint64_t slot = image.writableOffset;
    for (const std::string &name : names) {
      imports[name] = {stub, slot};
      image.imports.push_back({name, slot});
      // jmp *slot(%rip), padded with int3.
      uint8_t code[stubBytes] = {0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc};
      support::endian::write32le(code + 2, uint32_t(slot - (stub + 6)));
      std::copy(code, code + stubBytes, image.bytes.begin() + stub);
      stub += stubBytes;
      slot += 8;
    }
    return Error::success();
  }

  Expected<uint64_t> addressOf(const ELFSymbolRef &symbol) {
    Expected<section_iterator> section = symbol.getSection();
    if (!section)
      return section.takeError();
    if (*section == object.section_end())
      return linkError("a symbol outside all sections");
    auto base = placed.find((*section)->getIndex());
    if (base == placed.end())
      return linkError("a reference into a section that is not loaded");
    return base->second + symbol.getValue().get();
  }

  Error relocate() {
    return forEachRelocation(
        [&](uint64_t base, const ELFRelocationRef &relocation, const ELFSymbolRef &symbol) -> Error {
          Expected<int64_t> addend = relocation.getAddend();
          if (!addend)
            return addend.takeError();
          Expected<bool> undefined = isUndefined(symbol);
          if (!undefined)
            return undefined.takeError();
          Expected<StringRef> name = symbol.getName();
          if (!name)
            return name.takeError();
          uint64_t place = base + relocation.getOffset(), target;
          if (*undefined) {
            const Import &import = imports[*name];
            switch (relocation.getType()) {
            case ELF::R_X86_64_PLT32:
            case ELF::R_X86_64_PC32:
              target = import.stub;
              break;
            case ELF::R_X86_64_GOTPCREL:
            case ELF::R_X86_64_GOTPCRELX:
            case ELF::R_X86_64_REX_GOTPCRELX:
              target = import.slot;
              break;
            default:
              return linkError("relocation type " + Twine(relocation.getType()) + " against " + *name);
            }
          } else {
            switch (relocation.getType()) {
            case ELF::R_X86_64_PLT32:
            case ELF::R_X86_64_PC32:
              break;
            default:
              return linkError("relocation type " + Twine(relocation.getType()) + " against " + *name);
            }
            Expected<uint64_t> address = addressOf(symbol);
            if (!address)
              return address.takeError();
            target = *address;
          }
          int64_t value = int64_t(target) + *addend - int64_t(place);
          if (!isInt<32>(value))
            return linkError("the image is larger than 2 GB");
          support::endian::write32le(image.bytes.data() + place, uint32_t(value));
          return Error::success();
        });
  }

  Error findEntries() {
    StringMap<uint64_t> defined;
    for (const ELFSymbolRef symbol : object.symbols()) {
      if (symbol.getELFType() != ELF::STT_FUNC)
        continue;
      Expected<StringRef> name = symbol.getName();
      if (!name)
        return name.takeError();
      Expected<uint64_t> address = addressOf(symbol);
      if (!address)
        return address.takeError();
      defined[*name] = *address;
    }
    for (CpuFunction &function : image.functions) {
      auto entry = defined.find(function.name);
      if (entry == defined.end())
        return linkError("the object lacks the function " + function.name);
      function.offset = entry->second;
    }
    return Error::success();
  }

  ELF64LEObjectFile &object;
  CpuImage image;
  DenseMap<uint64_t, uint64_t> placed;
  StringMap<Import> imports;
};

} // namespace

Expected<CpuImage> linkImage(ArrayRef<char> object, std::vector<CpuFunction> entries) {
  MemoryBufferRef buffer(StringRef(object.data(), object.size()), "object");
  Expected<ELF64LEObjectFile> file = ELF64LEObjectFile::create(buffer);
  if (!file)
    return file.takeError();
  return Linker(*file, std::move(entries)).run();
}

} // namespace tgc::cpu
