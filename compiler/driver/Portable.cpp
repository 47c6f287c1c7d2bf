// What the portable command brings along in place of shared libraries and of newer C libraries.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <sys/random.h>

// fmt's code. Its templates for char are declared in its headers and defined here.
#include <fmt/format-inl.h>
FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale &locale);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref locale) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref locale) -> char;
} // namespace detail
FMT_END_NAMESPACE

/// The C++ library's random_device wants it; glibc has it since 2.36 only.
extern "C" __attribute__((visibility("hidden"))) uint32_t arc4random() noexcept {
  uint32_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value)
    if (errno != EINTR)
      std::abort();
  return value;
}
