// Functions with the runtime's calling convention, linked by kernels.ld into a flat image for the tests.
#include <stdint.h>

#define IMPORT __attribute__((section(".imports"), used, visibility("hidden")))
#define ENTRY __attribute__((visibility("hidden"), used))

IMPORT float (*volatile import_expf)(float);
IMPORT void *(*volatile import_memset)(void *, int, unsigned long);

enum { BlockElements = 16 };

static const float table[4] = {1.0f, 2.0f, 4.0f, 8.0f};

static int64_t scalar(void *const *buffers, int index) { return *(const int64_t *)buffers[index]; }

// (x, w, y): y = x + w, 16 elements a block.
ENTRY void add(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  const float *x = buffers[0], *w = buffers[1];
  float *y = buffers[2];
  for (int64_t i = begin * BlockElements; i < end * BlockElements; ++i)
    y[i] = x[i] + w[i];
}

// (x, y): y = exp(x), 16 elements a block, through an import.
ENTRY void exponential(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  const float *x = buffers[0];
  float *y = buffers[1];
  for (int64_t i = begin * BlockElements; i < end * BlockElements; ++i)
    y[i] = import_expf(x[i]);
}

// (w, p, rows, columns, counter): p = transpose of w, a row of p a block; *counter is raised by one a block.
ENTRY void transpose(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  const float *w = buffers[0];
  float *p = buffers[1];
  int64_t rows = scalar(buffers, 2), columns = scalar(buffers, 3);
  for (int64_t j = begin; j < end; ++j) {
    for (int64_t i = 0; i < rows; ++i)
      p[j * rows + i] = w[i * columns + j];
    __atomic_fetch_add((int64_t *)scalar(buffers, 4), 1, __ATOMIC_RELAXED);
  }
}

// (x, p, b, y, inner, columns): y[m] = x[m] p + b, a row a block.
ENTRY void matmul(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  const float *x = buffers[0], *p = buffers[1], *b = buffers[2];
  float *y = buffers[3];
  int64_t inner = scalar(buffers, 4), columns = scalar(buffers, 5);
  for (int64_t m = begin; m < end; ++m)
    for (int64_t n = 0; n < columns; ++n) {
      float sum = b[n];
      for (int64_t k = 0; k < inner; ++k)
        sum += x[m * inner + k] * p[k * columns + n];
      y[m * columns + n] = sum;
    }
}

// (counts): counts[block] += 1 after some uneven work, then all of 256 bytes of scratch must hold one value.
ENTRY void count(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  int32_t *counts = buffers[0];
  for (int64_t block = begin; block < end; ++block) {
    volatile unsigned char *bytes = scratch;
    import_memset(scratch, (int)(block & 127), 256);
    for (volatile int64_t i = 0; i < (block % 7) * 50; ++i)
      ;
    int same = ((uintptr_t)scratch & 63) == 0;
    for (int i = 0; i < 256; ++i)
      same &= bytes[i] == (block & 127);
    counts[block] += same ? 1 : 1000;
  }
}

// (y, index): y[0] = table[index], read-only data beside the code.
ENTRY void lookup(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  float *y = buffers[0];
  y[0] = table[scalar(buffers, 1) & 3];
}

// (x, y): y[0] += x[0]: needs y to be cleared before.
ENTRY void accumulate(void *const *buffers, void *scratch, int64_t begin, int64_t end) {
  const float *x = buffers[0];
  float *y = buffers[1];
  y[0] += x[0];
}
