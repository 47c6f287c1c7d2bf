// Reshapes, permutations, repetition and concatenation: index maps only.
#include "frontends/onnx/ops/Families.h"

#include <numeric>

using namespace mlir;

namespace tgc::onnx {
namespace {

void reshape(NodeContext &c) {
  Shape shape;
  bool allowZero = c.intAttr("allowzero", 0);
  int64_t unknown = -1, count = 1;
  for (auto [i, d] : llvm::enumerate(c.attrOrInput("shape", 1).value_or(std::vector<int64_t>()))) {
    if (d == 0 && !allowZero) {
      if (int64_t(i) >= c.rank(0))
        c.bad("the shape copies dimension {}, which the input does not have", i);
      d = c.shape(0)[i];
    }
    if (d == -1) {
      if (unknown >= 0)
        c.bad("the shape has more than one -1");
      unknown = int64_t(i);
      d = 1;
    }
    if (d < 0)
      c.bad("the shape has the dimension {}", d);
    shape.push_back(d);
  }
  if (unknown >= 0) {
    count = c.elementCount(shape);
    if (count != 0)
      shape[unknown] = c.elementCount(c.shape(0)) / count;
  }
  c.out(c.reshape(c.in(0), shape), c.dtype(0));
}

void transpose(NodeContext &c) {
  std::vector<int64_t> permutation = c.intsAttr("perm");
  if (permutation.empty())
    for (int64_t d = c.rank(0); d-- > 0;)
      permutation.push_back(d);
  c.out(c.transpose(c.in(0), permutation), c.dtype(0));
}

void expand(NodeContext &c) {
  std::vector<int64_t> wanted = c.knownInts(1, "shape");
  Shape shape = c.broadcastShape(c.shape(0), wanted);
  c.out(c.inAs(0, shape), c.dtype(0));
}

void squeeze(NodeContext &c) {
  auto axes = c.attrOrInput("axes", 1);
  Shape dims, shape;
  if (axes)
    for (int64_t axis : *axes)
      dims.push_back(c.normalizeAxis(axis, c.rank(0)));
  for (int64_t d = 0; d < c.rank(0); ++d) {
    bool chosen = axes ? llvm::is_contained(dims, d) : c.shape(0)[d] == 1;
    if (chosen && c.shape(0)[d] != 1)
      c.bad("dimension {} has extent {}, not 1", d, c.shape(0)[d]);
    if (!chosen)
      shape.push_back(c.shape(0)[d]);
  }
  c.out(c.reshape(c.in(0), shape), c.dtype(0));
}

void unsqueeze(NodeContext &c) {
  auto axes = c.attrOrInput("axes", 1);
  if (!axes)
    c.bad("axes are missing");
  int64_t rank = c.rank(0) + int64_t(axes->size());
  Shape dims, shape;
  for (int64_t axis : *axes) {
    dims.push_back(c.normalizeAxis(axis, rank));
    if (llvm::is_contained(ArrayRef(dims).drop_back(), dims.back()))
      c.bad("axis {} is given twice", axis);
  }
  for (int64_t d = 0, from = 0; d < rank; ++d)
    shape.push_back(llvm::is_contained(dims, d) ? 1 : c.shape(0)[from++]);
  c.out(c.reshape(c.in(0), shape), c.dtype(0));
}

void flatten(NodeContext &c) {
  int64_t axis = c.intAttr("axis", 1);
  if (axis < -c.rank(0) || axis > c.rank(0))
    c.bad("axis {} is out of range for rank {}", axis, c.rank(0));
  if (axis < 0)
    axis += c.rank(0);
  c.out(c.reshape(c.in(0),
                  {c.elementCount(c.shape(0).take_front(axis)), c.elementCount(c.shape(0).drop_front(axis))}),
        c.dtype(0));
}

void identity(NodeContext &c) {
  c.tensor(0);
  c.outTensor(0, c.inputTensor(0));
}

/// At inference the data passes through; the mask is all true.
void dropout(NodeContext &c) {
  if (c.has(2) && c.opset() >= 12 && c.knownInt(2, "training_mode") != 0)
    if (!c.has(1) || c.knownFloat(1, "ratio") != 0)
      c.fail("Dropout in training mode");
  identity(c);
  if (c.wantsOutput(1))
    c.out(1, c.splatInt(c.shape(0), c.i1(), 1), DType::Bool);
}

void concat(NodeContext &c) {
  if (!c.hasAttr("axis"))
    c.bad("attribute axis is missing");
  int64_t axis = c.axisAttr(0, c.rank(0));
  SmallVector<Value> values;
  for (size_t i = 0; i < c.inputCount(); ++i) {
    c.requireSameTypes(0, i);
    values.push_back(c.in(i));
  }
  c.out(c.concat(values, axis), c.dtype(0));
}

void tile(NodeContext &c) {
  std::vector<int64_t> repeats = c.knownInts(1, "repeats");
  if (int64_t(repeats.size()) != c.rank(0))
    c.bad("{} repeats for a tensor of rank {}", repeats.size(), c.rank(0));
  Shape shape;
  SmallVector<AffineExpr> indices;
  for (auto [d, extent] : llvm::enumerate(c.shape(0))) {
    if (repeats[d] < 0)
      c.bad("negative repeat");
    c.elementCount({extent, repeats[d]});
    shape.push_back(extent * repeats[d]);
    indices.push_back(extent == 0 ? c.number(0) : c.dim(d) % extent);
  }
  c.out(c.view(c.in(0), indices, shape), c.dtype(0));
}

int64_t blockSize(NodeContext &c) {
  c.requireRank(0, 4, 4);
  int64_t block = c.intAttr("blocksize", 0);
  if (block < 1 || block > 1 << 10)
    c.bad("blocksize {} is out of range", block);
  return block;
}

void depthToSpace(NodeContext &c) {
  int64_t b = blockSize(c);
  ArrayRef<int64_t> in = c.shape(0);
  std::string mode = c.stringAttr("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    c.bad("mode {} is not known", mode);
  if (in[1] % (b * b) != 0)
    c.bad("{} channels are no multiple of the squared blocksize {}", in[1], b);
  int64_t channels = in[1] / (b * b);
  AffineExpr offset = c.dim(2) % b * b + c.dim(3) % b;
  AffineExpr channel = mode == "DCR" ? offset * channels + c.dim(1) : c.dim(1) * (b * b) + offset;
  c.out(c.view(c.in(0), {c.dim(0), channel, c.dim(2).floorDiv(b), c.dim(3).floorDiv(b)},
               {in[0], channels, in[2] * b, in[3] * b}),
        c.dtype(0));
}

void spaceToDepth(NodeContext &c) {
  int64_t b = blockSize(c);
  ArrayRef<int64_t> in = c.shape(0);
  if (in[2] % b != 0 || in[3] % b != 0)
    c.bad("the image is no multiple of the blocksize {}", b);
  if (in[1] == 0)
    c.bad("no channels");
  std::string mode = c.stringAttr("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    c.bad("mode {} is not known", mode);
  AffineExpr block = mode == "DCR" ? c.dim(1).floorDiv(in[1]) : c.dim(1) % (b * b);
  AffineExpr channel = mode == "DCR" ? c.dim(1) % in[1] : c.dim(1).floorDiv(b * b);
  c.out(c.view(c.in(0), {c.dim(0), channel, c.dim(2) * b + block.floorDiv(b), c.dim(3) * b + block % b},
               {in[0], in[1] * b * b, in[2] / b, in[3] / b}),
        c.dtype(0));
}

/// Keeps one side of the diagonal of the last two dimensions, 0 on the other.
void trilu(NodeContext &c) {
  int64_t rank = c.rank(0);
  c.requireRank(0, 2, 64);
  int64_t k = c.has(1) ? c.knownInt(1, "k") : 0;
  k = std::clamp<int64_t>(k, -c.shape(0)[rank - 2] - 1, c.shape(0)[rank - 1] + 1);
  AffineExpr above = c.dim(rank - 1) - c.dim(rank - 2) - k;
  SmallVector<AffineExpr> indices;
  for (int64_t d = 0; d < rank; ++d)
    indices.push_back(c.dim(d));
  Value x = c.in(0);
  c.out(c.viewOrFill(x, indices, c.shape(0), c.zeroAttr(c.elementOf(x)),
                     {c.intAttr("upper", 1) ? above : -above}),
        c.dtype(0));
}

} // namespace

void addMovement(HandlerTable &table) {
  table["Reshape"] = reshape;
  table["Transpose"] = transpose;
  table["Expand"] = expand;
  table["Squeeze"] = squeeze;
  table["Unsqueeze"] = unsqueeze;
  table["Flatten"] = flatten;
  table["Identity"] = identity;
  table["Dropout"] = dropout;
  table["Concat"] = concat;
  table["Tile"] = tile;
  table["DepthToSpace"] = depthToSpace;
  table["SpaceToDepth"] = spaceToDepth;
  table["Trilu"] = trilu;
}

} // namespace tgc::onnx
