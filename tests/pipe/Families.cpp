#include "tests/pipe/Families.h"

#include <fmt/format.h>
#include <map>

namespace tgc::test {

namespace {

using fmt::format;

/// Extents and choices, drawn one after the other.
class Draw {
public:
  explicit Draw(std::mt19937_64 &random) : random(random) {}
  int64_t upTo(int64_t most) { return 1 + int64_t(random() % uint64_t(most)); }
  /// Mostly small, sometimes a multiple of vectors.
  int64_t extent(int64_t most) {
    return random() % 3 == 0 ? std::max<int64_t>(1, upTo(most) / 16 * 16) : upTo(most);
  }
  bool coin() { return random() % 2 == 0; }
  std::string type() { return random() % 3 == 0 ? "bf16" : random() % 5 == 0 ? "f16" : "f32"; }

private:
  std::mt19937_64 &random;
};

std::string gemm(Draw &draw) {
  int64_t m = draw.extent(90), n = draw.extent(90), k = draw.extent(120);
  std::string t = draw.type(), u = draw.type();
  bool kn = draw.coin(), transposed = draw.coin();
  std::string w = kn ? format("{}x{}x{}", k, n, u) : format("{}x{}x{}", n, k, u);
  std::string y = transposed ? format("{}x{}xf32", n, m) : format("{}x{}xf32", m, n);
  return format(R"(
kernel.func @gemm(%x: memref<{0}x{2}x{3}>, %w: memref<{5}> {{free}}, %b: memref<{1}xf32>, %y: memref<{6}>)
    axes(%m = {0}, %n = {1}, %k = {2}) {{
  %a = kernel.load %x[%m, %k] : memref<{0}x{2}x{3}>
  %c = kernel.load %w[{7}] : memref<{5}>
  %s = kernel.contract %a, %c over(%k) : {3}, {4} -> f32
  %bias = kernel.load %b[%n] : memref<{1}xf32>
  %t = arith.addf %s, %bias : f32
  kernel.store %t, %y[{8}] : memref<{6}>
}})",
                m, n, k, t, u, w, y, kn ? "%k, %n" : "%n, %k", transposed ? "%n, %m" : "%m, %n");
}

std::string batched(Draw &draw) {
  int64_t b = draw.upTo(3), h = draw.upTo(3), m = draw.extent(50), n = draw.extent(60), k = draw.extent(50);
  bool kn = draw.coin();
  std::string w = kn ? format("{}x{}x{}x{}xf32", b, k, h, n) : format("{}x{}x{}x{}xf32", b, n, h, k);
  return format(R"(
kernel.func @batched(%x: memref<{0}x{2}x{1}x{4}xf32>, %w: memref<{5}>, %y: memref<{0}x{1}x{2}x{3}xf32>)
    axes(%b = {0}, %h = {1}, %m = {2}, %n = {3}, %k = {4}) {{
  %a = kernel.load %x[%b, %m, %h, %k] : memref<{0}x{2}x{1}x{4}xf32>
  %c = kernel.load %w[{6}] : memref<{5}>
  %s = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  kernel.store %s, %y[%b, %h, %m, %n] : memref<{0}x{1}x{2}x{3}xf32>
}})",
                b, h, m, n, k, w, kn ? "%b, %k, %h, %n" : "%b, %n, %h, %k");
}

std::string conv(Draw &draw) {
  int64_t b = draw.upTo(2), r = draw.upTo(3), s = draw.upTo(3), pad = draw.upTo(2) - 1, stride = draw.upTo(2),
          dilation = draw.upTo(2), c = draw.extent(40), o = draw.extent(50);
  int64_t h = draw.upTo(9) + dilation * r, w = draw.upTo(24) + dilation * s;
  int64_t y = (h + 2 * pad - dilation * (r - 1) - 1) / stride + 1,
          x = (w + 2 * pad - dilation * (s - 1) - 1) / stride + 1;
  bool nchw = draw.coin();
  std::string t = draw.type(),
              in = nchw ? format("{}x{}x{}x{}x{}", b, c, h, w, t) : format("{}x{}x{}x{}x{}", b, h, w, c, t);
  std::string out = nchw ? format("{}x{}x{}x{}x{}", b, o, y, x, t) : format("{}x{}x{}x{}x{}", b, y, x, o, t);
  std::string row = format("%y * {} + %r * {} - {}", stride, dilation, pad);
  std::string column = format("%x * {} + %s * {} - {}", stride, dilation, pad);
  std::string narrow = t == "f32" ? "%v" : "%n";
  return format(R"(
kernel.func @conv(%in: memref<{0}>, %w: memref<{1}x{2}x{3}x{4}x{5}> {{free}}, %bias: memref<{1}xf32>, %res: memref<{6}>, %out: memref<{6}>)
    axes(%b = {7}, %y = {8}, %x = {9}, %o = {1}, %r = {2}, %s = {3}, %c = {4}) {{
  %a = kernel.load %in[{10}] : memref<{0}> else 0.0
  %f = kernel.load %w[%o, %r, %s, %c] : memref<{1}x{2}x{3}x{4}x{5}>
  %t = kernel.contract %a, %f over(%r, %s, %c) : {5}, {5} -> f32
  %u = kernel.load %bias[%o] : memref<{1}xf32>
  %p = arith.addf %t, %u : f32
  %q = kernel.load %res[{11}] : memref<{6}>
{12}
  kernel.store {13}, %out[{11}] : memref<{6}>
}})",
                in, o, r, s, c, t, out, b, y, x,
                nchw ? format("%b, %c, {}, {}", row, column) : format("%b, {}, {}, %c", row, column),
                nchw ? "%b, %o, %y, %x" : "%b, %y, %x, %o",
                t == "f32" ? "  %v = arith.addf %p, %q : f32"
                           : format("  %e = arith.extf %q : {0} to f32\n  %v = arith.addf %p, %e : f32\n  %n "
                                    "= arith.truncf %v : f32 to {0}",
                                    t),
                narrow);
}

/// Grouped convolution over one dimension.
std::string grouped(Draw &draw) {
  int64_t g = draw.upTo(3), c = draw.upTo(20), o = draw.extent(40), x = draw.upTo(40), s = draw.upTo(4);
  return format(R"(
kernel.func @grouped(%in: memref<{0}x{1}x{3}xf32>, %w: memref<{0}x{2}x{1}x{4}xf32> {{free}}, %out: memref<{3}x{0}x{2}xf32>)
    axes(%x = {3}, %g = {0}, %o = {2}, %c = {1}, %s = {4}) {{
  %a = kernel.load %in[%g, %c, %x + %s - 1] : memref<{0}x{1}x{3}xf32> else 0.0
  %f = kernel.load %w[%g, %o, %c, %s] : memref<{0}x{2}x{1}x{4}xf32>
  %t = kernel.contract %a, %f over(%c, %s) : f32, f32 -> f32
  kernel.store %t, %out[%x, %g, %o] : memref<{3}x{0}x{2}xf32>
}})",
                g, c, o, x, s);
}

/// Nearest upsampling before the convolution, so that its index has a floordiv.
std::string upsampled(Draw &draw) {
  int64_t h = draw.upTo(4), w = draw.upTo(9), c = draw.extent(24), o = draw.extent(40);
  return format(R"(
kernel.func @upsampled(%in: memref<{0}x{1}x{2}xf32>, %w: memref<{3}x3x3x{2}xf32> {{free}}, %out: memref<{4}x{5}x{3}xf32>)
    axes(%y = {4}, %x = {5}, %o = {3}, %r = 3, %s = 3, %c = {2}) {{
  %a = kernel.load %in[(%y + %r - 1) floordiv 2, (%x + %s - 1) floordiv 2, %c] : memref<{0}x{1}x{2}xf32> else 0.0
  %f = kernel.load %w[%o, %r, %s, %c] : memref<{3}x3x3x{2}xf32>
  %t = kernel.contract %a, %f over(%r, %s, %c) : f32, f32 -> f32
  kernel.store %t, %out[%y, %x, %o] : memref<{4}x{5}x{3}xf32>
}})",
                h, w, c, o, 2 * h, 2 * w);
}

/// Convolution over time with a cache frame in front, then a norm over the channels.
std::string cached(Draw &draw) {
  int64_t t = draw.upTo(3), x = draw.upTo(20), c = draw.extent(24), o = draw.extent(40);
  return format(R"(
kernel.func @cached(%cache: memref<1x{1}x{2}xf32>, %new: memref<{0}x{1}x{2}xf32>, %w: memref<{3}x3x3x{2}xf32> {{free}}, %out: memref<{0}x{1}x{3}xf32>)
    axes(%t = {0}, %x = {1}, %o = {3}, %kt = 3, %s = 3, %c = {2}) {{
  %a = kernel.load %cache[0, %x + %s - 1, %c] if (%t + %kt - 1 == 0) : memref<1x{1}x{2}xf32>, %new[%t + %kt - 2, %x + %s - 1, %c] if (%t + %kt - 2 >= 0) : memref<{0}x{1}x{2}xf32> else 0.0
  %f = kernel.load %w[%o, %kt, %s, %c] : memref<{3}x3x3x{2}xf32>
  %v = kernel.contract %a, %f over(%kt, %s, %c) : f32, f32 -> f32
  %vv = arith.mulf %v, %v : f32
  %q = kernel.reduce add %vv over(%o) : f32 -> f32
  %e = arith.constant 1.0e-3 : f32
  %qe = arith.addf %q, %e : f32
  %r = math.rsqrt %qe : f32
  %n = arith.mulf %v, %r : f32
  kernel.store %n, %out[%t, %x, %o] : memref<{0}x{1}x{3}xf32>
}})",
                t, x, c, o);
}

/// Two halves of the columns combined, which must be in one block.
std::string gated(Draw &draw) {
  int64_t m = draw.extent(50), j = draw.extent(50), k = draw.extent(60);
  return format(R"(
kernel.func @gated(%x: memref<{0}x{2}xbf16>, %w: memref<2x{1}x{2}xbf16> {{free}}, %y: memref<{0}x{1}xbf16>)
    axes(%m = {0}, %u = 2, %j = {1}, %k = {2}) {{
  %a = kernel.load %x[%m, %k] : memref<{0}x{2}xbf16>
  %c = kernel.load %w[%u, %j, %k] : memref<2x{1}x{2}xbf16>
  %t = kernel.contract %a, %c over(%k) : bf16, bf16 -> f32
  %0 = kernel.remap %t[%u -> 0] : f32
  %1 = kernel.remap %t[%u -> 1] : f32
  %s = arith.mulf %0, %1 : f32
  %n = arith.truncf %s : f32 to bf16
  kernel.store %n, %y[%m, %j] : memref<{0}x{1}xbf16>
}})",
                m, j, k);
}

/// Merged projections: a norm and rotation of pairs for some parts, conditional stores.
std::string projections(Draw &draw) {
  int64_t m = draw.extent(30), h = draw.upTo(3), i = draw.extent(20), k = draw.extent(50);
  return format(R"(
kernel.func @projections(%x: memref<{0}x{3}xf32>, %w: memref<3x{1}x{2}x2x{3}xf32> {{free}}, %cos: memref<{0}x{2}xf32>, %sin: memref<{0}x{2}xf32>, %q: memref<2x{0}x{1}x{2}x2xf32>, %v: memref<{0}x{1}x{2}x2xf32>)
    axes(%m = {0}, %p = 3, %h = {1}, %i = {2}, %r = 2, %k = {3}) {{
  %a = kernel.load %x[%m, %k] : memref<{0}x{3}xf32>
  %c = kernel.load %w[%p, %h, %i, %r, %k] : memref<3x{1}x{2}x2x{3}xf32>
  %t = kernel.contract %a, %c over(%k) : f32, f32 -> f32
  %tt = arith.mulf %t, %t : f32
  %ss = kernel.reduce add %tt over(%i, %r) : f32 -> f32
  %one = arith.constant 1.0 : f32
  %s1 = arith.addf %ss, %one : f32
  %n = math.rsqrt %s1 : f32
  %u = arith.mulf %t, %n : f32
  %o = kernel.remap %u[%r -> 1 - %r] : f32
  %neg = arith.negf %o : f32
  %first = kernel.test(%r == 0) : i1
  %side = arith.select %first, %neg, %o : f32
  %cc = kernel.load %cos[%m, %i] : memref<{0}x{2}xf32>
  %sn = kernel.load %sin[%m, %i] : memref<{0}x{2}xf32>
  %l = arith.mulf %u, %cc : f32
  %g = arith.mulf %side, %sn : f32
  %rot = arith.addf %l, %g : f32
  kernel.store %rot, %q[%p, %m, %h, %i, %r] if (1 - %p >= 0) : memref<2x{0}x{1}x{2}x2xf32>
  kernel.store %t, %v[%m, %h, %i, %r] if (%p - 2 == 0) : memref<{0}x{1}x{2}x2xf32>
}})",
                m, h, i, k);
}

/// An epilogue with mean and variance of the columns, and a statistic stored by itself.
std::string normed(Draw &draw) {
  int64_t m = draw.extent(40), n = draw.extent(60), k = draw.extent(40);
  return format(R"(
kernel.func @normed(%x: memref<{0}x{2}xf32>, %w: memref<{2}x{1}xf32> {{free}}, %y: memref<{0}x{1}xf32>, %mean: memref<{0}xf32>)
    axes(%m = {0}, %n = {1}, %k = {2}) {{
  %a = kernel.load %x[%m, %k] : memref<{0}x{2}xf32>
  %h = arith.constant 0.5 : f32
  %scaled = arith.mulf %a, %h : f32
  %c = kernel.load %w[%k, %n] : memref<{2}x{1}xf32>
  %t = kernel.contract %scaled, %c over(%k) : f32, f32 -> f32
  %mu, %var = kernel.moments %t over(%n) : f32 -> f32, f32
  %one = arith.constant 1.0 : f32
  %v1 = arith.addf %var, %one : f32
  %r = math.rsqrt %v1 : f32
  %d = arith.subf %t, %mu : f32
  %o = arith.mulf %d, %r : f32
  kernel.store %o, %y[%m, %n] : memref<{0}x{1}xf32>
  kernel.store %mu, %mean[%m] : memref<{0}xf32>
}})",
                m, n, k);
}

std::string attention(Draw &draw) {
  int64_t b = draw.upTo(2), h = draw.upTo(2), m = draw.extent(60), n = draw.extent(80), d = draw.extent(40),
          e = draw.extent(40);
  std::string t = draw.type();
  bool narrow = t != "f32";
  return format(R"(
kernel.func @attention(%q: memref<{0}x{2}x{1}x{4}x{6}>, %k: memref<{0}x{3}x{1}x{4}x{6}>, %v: memref<{0}x{3}x{1}x{5}x{6}>, %out: memref<{0}x{2}x{1}x{5}x{6}>)
    axes(%b = {0}, %h = {1}, %m = {2}, %n = {3}, %d = {4}, %e = {5}) {{
  %a = kernel.load %q[%b, %m, %h, %d] : memref<{0}x{2}x{1}x{4}x{6}>
  %c = kernel.load %k[%b, %n, %h, %d] : memref<{0}x{3}x{1}x{4}x{6}>
  %s = kernel.contract %a, %c over(%d) : {6}, {6} -> f32
  %f = arith.constant 3.0e-1 : f32
  %t = arith.mulf %s, %f : f32
  %w = kernel.load %v[%b, %n, %h, %e] : memref<{0}x{3}x{1}x{5}x{6}>
  %r = kernel.softmax %t, %w over(%n) : f32, {6} -> f32
{7}  kernel.store {8}, %out[%b, %m, %h, %e] : memref<{0}x{2}x{1}x{5}x{6}>
}})",
                b, h, m, n, d, e, t, narrow ? format("  %o = arith.truncf %r : f32 to {}\n", t) : "",
                narrow ? "%o" : "%r");
}

/// A bias for every query and key, and keys behind the query left out.
std::string masked(Draw &draw) {
  int64_t h = draw.upTo(2), m = draw.extent(60), n = m + draw.upTo(20), d = draw.extent(24),
          e = draw.extent(40);
  return format(R"(
kernel.func @masked(%q: memref<{0}x{1}x{3}xf32>, %k: memref<{2}x{3}xf32>, %v: memref<{2}x{4}xf32>, %bias: memref<{0}x{1}x{2}xf32>, %out: memref<{1}x{0}x{4}xf32>)
    axes(%h = {0}, %m = {1}, %n = {2}, %d = {3}, %e = {4}) {{
  %a = kernel.load %q[%h, %m, %d] : memref<{0}x{1}x{3}xf32>
  %c = kernel.load %k[%n, %d] : memref<{2}x{3}xf32>
  %s = kernel.contract %c, %a over(%d) : f32, f32 -> f32
  %w = kernel.load %bias[%h, %m, %n] : memref<{0}x{1}x{2}xf32>
  %t = arith.addf %s, %w : f32
  %seen = kernel.test(%m - %n >= 0) : i1
  %none = arith.constant 0xFF800000 : f32
  %l = arith.select %seen, %t, %none : f32
  %x = kernel.load %v[%n, %e] : memref<{2}x{4}xf32>
  %r = kernel.softmax %l, %x over(%n) : f32, f32 -> f32
  kernel.store %r, %out[%m, %h, %e] : memref<{1}x{0}x{4}xf32>
}})",
                h, m, n, d, e);
}

using Family = std::string (*)(Draw &);
const std::map<std::string, Family> &families() {
  static const std::map<std::string, Family> table = {
      {"gemm", gemm},     {"batched", batched},     {"conv", conv},     {"grouped", grouped},
      {"cached", cached}, {"upsampled", upsampled}, {"gated", gated},   {"projections", projections},
      {"normed", normed}, {"attention", attention}, {"masked", masked},
  };
  return table;
}

} // namespace

const std::vector<std::string> &pipeFamilies() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto &family : families())
      all.push_back(family.first);
    return all;
  }();
  return names;
}

std::string randomKernel(const std::string &family, std::mt19937_64 &random) {
  Draw draw(random);
  return families().at(family)(draw);
}

} // namespace tgc::test
