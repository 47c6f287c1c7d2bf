#include "frontends/onnx/Windows.h"

namespace tgc::onnx {

constexpr int64_t kMaxExtent = int64_t(1) << 30;

static Shape perDimension(NodeContext &c, llvm::StringRef name, size_t count, int64_t least,
                          int64_t otherwise) {
  std::vector<int64_t> values = c.intsAttr(name);
  if (values.empty())
    values.assign(count, otherwise);
  if (values.size() != count)
    c.bad("{} has {} values, {} are needed", name.str(), values.size(), count);
  for (int64_t v : values)
    if (v < least || v > kMaxExtent)
      c.bad("{} has the value {}", name.str(), v);
  return Shape(values.begin(), values.end());
}

static void checkKernel(NodeContext &c, llvm::ArrayRef<int64_t> kernel) {
  std::vector<int64_t> attribute = c.intsAttr("kernel_shape");
  if (!attribute.empty() && llvm::ArrayRef<int64_t>(attribute) != kernel)
    c.bad("kernel_shape differs from the weight's shape");
  for (int64_t k : kernel)
    if (k < 1 || k > kMaxExtent)
      c.bad("kernel extent {}", k);
}

Windows::Windows(NodeContext &c, llvm::ArrayRef<int64_t> in, llvm::ArrayRef<int64_t> kernel)
    : in(in), kernel(kernel) {
  size_t rank = in.size();
  checkKernel(c, kernel);
  strides = perDimension(c, "strides", rank, 1, 1);
  dilations = perDimension(c, "dilations", rank, 1, 1);
  Shape pads = perDimension(c, "pads", 2 * rank, 0, 0);
  std::string mode = c.stringAttr("auto_pad", "NOTSET");
  bool ceil = c.intAttr("ceil_mode", 0);
  for (size_t d = 0; d < rank; ++d) {
    int64_t reach = (kernel[d] - 1) * dilations[d] + 1;
    int64_t lead = pads[d], trail = pads[rank + d], count;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      count = (in[d] + strides[d] - 1) / strides[d];
      int64_t total = std::max<int64_t>((count - 1) * strides[d] + reach - in[d], 0);
      lead = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      trail = total - lead;
    } else if (mode == "NOTSET" || mode == "VALID" || mode.empty()) {
      if (mode == "VALID")
        lead = trail = 0;
      int64_t room = in[d] + lead + trail - reach;
      if (room < 0)
        c.bad("the window of {} does not fit {} elements with padding {} and {}", reach, in[d], lead, trail);
      count = (room + (ceil ? strides[d] - 1 : 0)) / strides[d] + 1;
      if (ceil && (count - 1) * strides[d] >= in[d] + lead) // a window that would lie in the padding alone
        --count;
    } else {
      c.bad("auto_pad {} is not known", mode);
    }
    before.push_back(lead);
    after.push_back(trail);
    out.push_back(count);
  }
}

Shape Windows::usedAfter() const {
  Shape result;
  for (size_t d = 0; d < in.size(); ++d)
    result.push_back(std::max<int64_t>(
        (out[d] - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 - before[d] - in[d], 0));
  return result;
}

TransposedWindows::TransposedWindows(NodeContext &c, llvm::ArrayRef<int64_t> in,
                                     llvm::ArrayRef<int64_t> kernel)
    : kernel(kernel) {
  size_t rank = in.size();
  checkKernel(c, kernel);
  strides = perDimension(c, "strides", rank, 1, 1);
  dilations = perDimension(c, "dilations", rank, 1, 1);
  Shape pads = perDimension(c, "pads", 2 * rank, 0, 0);
  Shape extra = perDimension(c, "output_padding", rank, 0, 0);
  std::vector<int64_t> wanted = c.intsAttr("output_shape");
  if (wanted.size() > rank) // some exporters give batch and channels too
    wanted.erase(wanted.begin(), wanted.end() - rank);
  if (!wanted.empty() && wanted.size() != rank)
    c.bad("output_shape has {} values, {} are needed", wanted.size(), rank);
  std::string mode = c.stringAttr("auto_pad", "NOTSET");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!same && mode != "NOTSET" && mode != "VALID" && !mode.empty())
    c.bad("auto_pad {} is not known", mode);
  for (size_t d = 0; d < rank; ++d) {
    if (in[d] < 1 || in[d] > kMaxExtent)
      c.bad("a dimension of {}", in[d]);
    int64_t full = strides[d] * (in[d] - 1) + extra[d] + (kernel[d] - 1) * dilations[d] + 1;
    int64_t lead = pads[d], count = full - pads[d] - pads[rank + d];
    if (!wanted.empty() || same) {
      count = wanted.empty() ? in[d] * strides[d] : wanted[d];
      int64_t total = full - count; // a negative sum of pads makes the result longer
      lead = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      if (total < 0)
        lead = 0;
    } else if (mode == "VALID") {
      lead = 0;
      count = full;
    }
    if (count < 1 || count > kMaxExtent)
      c.bad("the result has the extent {}", count);
    before.push_back(lead);
    out.push_back(count);
  }
}

} // namespace tgc::onnx
