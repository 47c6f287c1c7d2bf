// The layout attribute of tiles, and layouts of any tile as parts.
#include "compiler/tile/Tile.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"

using namespace mlir;
using namespace tgc::tile;

LayoutAttr LayoutAttr::get(MLIRContext *context, ArrayRef<SmallVector<Part>> dims) {
  SmallVector<int64_t> parts, shapes, strides;
  for (const SmallVector<Part> &dim : dims) {
    parts.push_back(dim.size());
    for (Part part : dim) {
      shapes.push_back(part.shape);
      strides.push_back(part.stride);
    }
  }
  return get(context, parts, shapes, strides);
}

SmallVector<LayoutAttr::Part> LayoutAttr::getDim(unsigned dim) {
  size_t first = 0;
  for (int64_t count : getParts().take_front(dim))
    first += count;
  SmallVector<Part> parts;
  for (int64_t i = 0; i < getParts()[dim]; ++i)
    parts.push_back({getShapes()[first + i], getStrides()[first + i]});
  return parts;
}

int64_t LayoutAttr::getSpan() {
  int64_t last = 0;
  for (auto [shape, stride] : llvm::zip(getShapes(), getStrides()))
    last += (shape - 1) * stride;
  return last + 1;
}

AffineMap LayoutAttr::getAffineMap() const {
  LayoutAttr self = *this;
  AffineExpr sum = getAffineConstantExpr(0, getContext());
  for (unsigned d = 0; d < getParts().size(); ++d) {
    AffineExpr rest = getAffineDimExpr(d, getContext());
    SmallVector<Part> parts = self.getDim(d);
    for (auto [i, part] : llvm::enumerate(parts)) {
      bool last = i + 1 == parts.size();
      sum = sum + (last ? rest : rest % part.shape) * part.stride;
      rest = rest.floorDiv(part.shape);
    }
  }
  return AffineMap::get(getParts().size(), 0, sum);
}

bool LayoutAttr::isIdentity() const { return false; }

LogicalResult LayoutAttr::verifyLayout(ArrayRef<int64_t> shape,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  LayoutAttr self = *this;
  if (shape.size() != getParts().size())
    return emitError() << "layout has " << getParts().size() << " coordinates, its memref " << shape.size();
  for (unsigned d = 0; d < shape.size(); ++d) {
    int64_t product = 1;
    for (Part part : self.getDim(d))
      product *= part.shape;
    if (product < shape[d])
      return emitError() << "layout holds " << product << " of " << shape[d] << " elements of coordinate "
                         << d;
  }
  return success();
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> parts,
                                 ArrayRef<int64_t> shapes, ArrayRef<int64_t> strides) {
  int64_t count = 0;
  for (int64_t part : parts) {
    if (part < 1)
      return emitError() << "every coordinate of a layout has at least one part";
    count += part;
  }
  if (count != int64_t(shapes.size()) || shapes.size() != strides.size())
    return emitError() << "parts, shapes and strides of a layout disagree in number";
  if (llvm::any_of(shapes, [](int64_t shape) { return shape < 1; }))
    return emitError() << "shapes of a layout are positive";
  return success();
}

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> parts, shapes, strides;
  auto parsePart = [&]() -> ParseResult {
    ++parts.back();
    return failure(parser.parseInteger(shapes.emplace_back()) || parser.parseColon() ||
                   parser.parseInteger(strides.emplace_back()));
  };
  auto parseDim = [&]() -> ParseResult {
    parts.push_back(0);
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parsePart);
  };
  SMLoc place = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseDim))
    return {};
  auto emitError = [&] { return parser.emitError(place); };
  return getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(),
                    ArrayRef<int64_t>(parts), ArrayRef<int64_t>(shapes), ArrayRef<int64_t>(strides));
}

void LayoutAttr::print(AsmPrinter &printer) const {
  LayoutAttr self = *this;
  printer << "<";
  llvm::interleaveComma(llvm::seq<unsigned>(0, getParts().size()), printer, [&](unsigned dim) {
    printer << "[";
    llvm::interleaveComma(self.getDim(dim), printer,
                          [&](Part part) { printer << part.shape << ":" << part.stride; });
    printer << "]";
  });
  printer << ">";
}

std::optional<SmallVector<SmallVector<LayoutAttr::Part>>> tgc::tile::layoutOf(MemRefType type) {
  SmallVector<SmallVector<LayoutAttr::Part>> dims;
  if (auto layout = dyn_cast<LayoutAttr>(type.getLayout())) {
    for (unsigned d = 0; d < unsigned(type.getRank()); ++d)
      dims.push_back(layout.getDim(d));
    return dims;
  }
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)) || ShapedType::isDynamicShape(strides))
    return std::nullopt;
  for (auto [extent, stride] : llvm::zip(type.getShape(), strides))
    dims.push_back({{extent, stride}});
  return dims;
}

int64_t tgc::tile::spanOf(MemRefType type) {
  int64_t last = 0;
  auto layout = layoutOf(type);
  assert(layout && "tiles have known layouts");
  for (const auto &dim : *layout)
    for (LayoutAttr::Part part : dim)
      last += (part.shape - 1) * part.stride;
  return last + 1;
}
