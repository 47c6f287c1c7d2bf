/* tgc: runs compiled packages (.tgc).
 *
 * A device runs programs; a program is a loaded package with its weights. Typical use:
 *
 *   tgc_device *device;    tgc_device_open("cpu", &device);
 *   tgc_program *program;  tgc_program_load(device, "model.tgc", &program);
 *   tgc_tensor in = {"x", TGC_F32, 2, shape, x, bytes}, out = {"y", TGC_F32, 2, shape, y, bytes};
 *   tgc_program_run(program, &in, 1, &out, 1);
 *
 * Every function that can fail returns a tgc_status; TGC_OK is 0. The message of the last failure on the
 * calling thread is tgc_last_error(). A failed call changes nothing that its description does not mention.
 *
 * Threads: all functions may be called from any thread. One program may run on several threads at the same
 * time: weights are shared, each run has its own memory from a pool that keeps as many as ran together.
 * Calls that change weights wait for runs in progress. Do not unload a program while a call uses it.
 */
#ifndef TGC_TGC_H
#define TGC_TGC_H

#include <stddef.h>
#include <stdint.h>

#if defined(TGC_BUILDING_RUNTIME)
#define TGC_API __attribute__((visibility("default")))
#else
#define TGC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tgc_status {
  TGC_OK = 0,
  TGC_INTERNAL = 1,    /* a defect of this library */
  TGC_USAGE = 2,       /* a wrong argument: unknown name, wrong shape or type, null pointer */
  TGC_BAD_INPUT = 3,   /* a file that is damaged, missing or does not fit */
  TGC_UNSUPPORTED = 4, /* the package needs what this machine or version does not have */
  TGC_DEVICE = 5       /* the device or the operating system failed: out of memory, full disk */
} tgc_status;

/* Element types; one element of TGC_BOOL is a byte 0 or 1. Tensors are dense, row-major. */
typedef enum tgc_dtype {
  TGC_F32 = 0,
  TGC_F16 = 1,
  TGC_BF16 = 2,
  TGC_F64 = 3,
  TGC_I8 = 4,
  TGC_U8 = 5,
  TGC_I16 = 6,
  TGC_U16 = 7,
  TGC_I32 = 8,
  TGC_U32 = 9,
  TGC_I64 = 10,
  TGC_U64 = 11,
  TGC_BOOL = 12
} tgc_dtype;

typedef struct tgc_device tgc_device;
typedef struct tgc_program tgc_program;

/* ---- Errors and versions ---------------------------------------------------------------------------- */

/* "0.1.0" */
TGC_API const char *tgc_version(void);
/* The message of the last call on this thread that failed; "" if none. Valid until the next failure here. */
TGC_API const char *tgc_last_error(void);
/* "bad input", ... */
TGC_API const char *tgc_status_name(tgc_status status);
/* "f32", ...; NULL for a value that is no type. */
TGC_API const char *tgc_dtype_name(tgc_dtype dtype);
/* Bytes of one element; 0 for a value that is no type. */
TGC_API size_t tgc_dtype_bytes(tgc_dtype dtype);

/* ---- Devices ---------------------------------------------------------------------------------------- */

/* The strings live as long as the process. */
typedef struct tgc_device_info {
  const char *name;        /* what tgc_device_open takes: "cpu" */
  const char *description; /* the processor's own name */
  const char *arch;        /* "x86_64" */
  const char *features;    /* "avx2 fma avx512f ..." */
  uint64_t memory_bytes;
  uint32_t units; /* CPU: threads */
} tgc_device_info;

/* Fills up to `capacity` entries and sets *count to how many devices there are. `infos` may be NULL if
 * capacity is 0. */
TGC_API tgc_status tgc_device_list(tgc_device_info *infos, size_t capacity, size_t *count);
/* The CPU uses all cores that the process may use, or TGC_THREADS (an environment variable). */
TGC_API tgc_status tgc_device_open(const char *name, tgc_device **device);
TGC_API tgc_status tgc_device_describe(tgc_device *device, tgc_device_info *info);

/* Some devices' drivers compile a package's code when it is loaded, which may take minutes (OpenCL, Level Zero). An
 * application that keeps what they make of it has the next load take no time: */
typedef struct tgc_code_key {
  const char *device;  /* kind and name: "level_zero Intel(R) Arc(TM) B580 Graphics" */
  const char *driver;  /* its version */
  const char *options; /* that its compiler was given; may be "" */
  const char *code;    /* length and hash of what it compiled */
} tgc_code_key;
typedef void (*tgc_take_code)(void *to, const void *data, size_t bytes);
typedef struct tgc_code_cache {
  void *user;
  /* Calls take(to, ...) once with what was stored under an equal key, or not at all. */
  void (*find)(void *user, const tgc_code_key *key, tgc_take_code take, void *to);
  /* The data takes the place of what was stored under the key before; it is free when the call returns. */
  void (*store)(void *user, const tgc_code_key *key, const void *data, size_t bytes);
} tgc_code_cache;
/* Programs that are loaded on the device from now on use the cache; NULL: none. Its functions are called from several
 * threads at the same time while a program is loaded, and must not call the library; data that the driver does not
 * take is compiled and stored again. Set it before loading, not at the same time. */
TGC_API tgc_status tgc_device_set_code_cache(tgc_device *device, const tgc_code_cache *cache);
/* For measuring: goes through that many bytes of other memory, which stays allocated, so that the device's caches hold
 * nothing of what a program reads next but the inputs that are copied to it. */
TGC_API tgc_status tgc_device_evict_caches(tgc_device *device, uint64_t bytes);
/* Programs that were loaded on the device keep what they need of it. NULL is allowed. */
TGC_API void tgc_device_close(tgc_device *device);

/* ---- Programs --------------------------------------------------------------------------------------- */

/* Loads a package. Its external weights are looked for in the folders given by tgc_program_use_directory, in
 * the package's folder, and where the model was compiled; nothing of them is read before it is needed. The
 * file stays mapped: do not change it in place while the program is loaded. */
TGC_API tgc_status tgc_program_load(tgc_device *device, const char *path, tgc_program **program);
/* The same from memory, which is copied. `directory` stands for the package's folder; NULL for none. */
TGC_API tgc_status tgc_program_load_memory(tgc_device *device, const void *data, size_t bytes,
                                           const char *directory, tgc_program **program);
/* Waits for nothing: no call may be using the program. NULL is allowed. */
TGC_API void tgc_program_unload(tgc_program *program);

typedef struct tgc_program_info {
  size_t inputs, outputs, weights;
  size_t run_launches, prepare_launches;
  uint64_t source_bytes;       /* of all weights as the model has them */
  uint64_t weight_bytes;       /* of the weights that runs read as they are: held, or mapped from a file */
  uint64_t prepared_bytes;     /* made from weights once, held */
  uint64_t run_bytes;          /* arenas and workspace of one run; each run at the same time needs its own */
  uint64_t prepare_peak_bytes; /* weight_bytes, prepared_bytes and the most that preparation needs beside */
} tgc_program_info;
TGC_API tgc_status tgc_program_describe(tgc_program *program, tgc_program_info *info);

/* The strings and the shape live as long as the program. */
typedef struct tgc_tensor_info {
  const char *name;
  tgc_dtype dtype;
  uint32_t rank;
  const int64_t *shape;
  uint64_t bytes;
  const char *source; /* weights: "external", "embedded", "named" or "random", as compiled; else NULL */
} tgc_tensor_info;
TGC_API tgc_status tgc_program_input(tgc_program *program, size_t index, tgc_tensor_info *info);
TGC_API tgc_status tgc_program_output(tgc_program *program, size_t index, tgc_tensor_info *info);
TGC_API tgc_status tgc_program_weight(tgc_program *program, size_t index, tgc_tensor_info *info);

typedef enum tgc_launch_list { TGC_RUN_LIST = 0, TGC_PREPARE_LIST = 1 } tgc_launch_list;

/* The strings live as long as the program. */
typedef struct tgc_launch_info {
  const char *function; /* name in the code */
  const char *kernel;   /* name for people */
  const char *schedule;
  const char *shape;
  uint64_t grid[3];
  uint64_t flops;
  uint64_t bytes_moved;
  const char *nodes; /* names of the ONNX nodes, one a line */
} tgc_launch_info;
TGC_API tgc_status tgc_program_launch(tgc_program *program, tgc_launch_list list, size_t index,
                                      tgc_launch_info *info);

/* Where the package comes from: "compiler", "model", ... The pair at `index`; both are set to NULL past the
 * last one. */
TGC_API tgc_status tgc_program_provenance(tgc_program *program, size_t index, const char **key,
                                          const char **value);

/* ---- Weights ---------------------------------------------------------------------------------------- */

/* A tensor in the application's memory. The name of an input or output may be NULL in a run: then its place
 * in the list counts. */
typedef struct tgc_tensor {
  const char *name;
  tgc_dtype dtype;
  uint32_t rank;
  const int64_t *shape;
  void *data;
  size_t bytes;
} tgc_tensor;

/* Replaces one weight with a copy of the data. The next run (or tgc_program_prepare) repeats only the
 * preparation that depends on it. A copy that only preparation reads is freed after it, unless preparing
 * again after a change of another weight would read it too. */
TGC_API tgc_status tgc_program_set_weight(tgc_program *program, const tgc_tensor *weight);
/* Takes external weights from files below this folder from now on. The files are mapped, not copied. */
TGC_API tgc_status tgc_program_use_directory(tgc_program *program, const char *directory);
/* Takes every weight that the safetensors file has (by the weight's key or name) from it; sets *count, if
 * not NULL, to how many it had. The file is mapped, not copied. A tensor of another shape or type than the
 * weight is an error, and then no weight is taken. */
TGC_API tgc_status tgc_program_use_safetensors(tgc_program *program, const char *path, size_t *count);
/* Makes every weight that is not embedded in the package random: see tgc_random_fill. */
TGC_API tgc_status tgc_program_use_random(tgc_program *program, uint64_t seed);
/* Binds and prepares what has changed; a run does this by itself when needed. Weights that only preparation
 * reads are brought in one after the other and dropped, so that they are never held beside their prepared
 * form all at once. */
TGC_API tgc_status tgc_program_prepare(tgc_program *program);

/* Reports how far bringing in weights is: bytes that are done, and all that this preparation needs. It is
 * called on the thread that prepares, which may be one that runs, and must not call the library. NULL ends
 * it. */
typedef void (*tgc_progress_callback)(void *user, uint64_t done_bytes, uint64_t total_bytes);
TGC_API tgc_status tgc_program_set_progress(tgc_program *program, tgc_progress_callback callback, void *user);

/* ---- Running ---------------------------------------------------------------------------------------- */

/* Runs once and returns when the outputs are written. Every input must be given, outputs that are not wanted
 * may be left out. Buffers aligned to 64 bytes are used without a copy. An output may overlap an input. */
TGC_API tgc_status tgc_program_run(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                                   const tgc_tensor *outputs, size_t output_count);
/* The same, timing each launch of the run list: nanoseconds[i], i < count, count being run_launches. */
TGC_API tgc_status tgc_program_run_timed(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                                         const tgc_tensor *outputs, size_t output_count,
                                         uint64_t *nanoseconds, size_t count);

/* What a repetition took: in all, and each launch. Another return value than 0 ends the benchmark. */
typedef int (*tgc_bench_callback)(void *user, size_t repetition, uint64_t total_nanoseconds,
                                  const uint64_t *launch_nanoseconds, size_t launches);
/* Runs `warmup` times, then `repetitions` times untimed inside (total_nanoseconds is the plain run, from call
 * to return), and each of these is followed by one run timed per launch, if `per_launch` is not 0;
 * otherwise launch_nanoseconds is NULL. */
TGC_API tgc_status tgc_program_bench(tgc_program *program, const tgc_tensor *inputs, size_t input_count,
                                     const tgc_tensor *outputs, size_t output_count, size_t warmup,
                                     size_t repetitions, int per_launch, tgc_bench_callback callback,
                                     void *user);

/* ---- Random weights --------------------------------------------------------------------------------- */

/* Fills `tensor->data` with the values that the weight of this name, type and shape has under
 * tgc_program_use_random(seed). They depend on nothing else. Rank 2 and more: close to normal, mean 0,
 * standard deviation sqrt(2 / (d0 + product of the other dimensions)); rank 0 and 1: uniform in
 * [0.25, 0.75); integers and bools: 0. */
TGC_API tgc_status tgc_random_fill(const tgc_tensor *tensor, uint64_t seed);

typedef struct tgc_random_place {
  const char *name;
  tgc_dtype dtype;
  uint32_t rank;
  const int64_t *shape;
  uint64_t offset; /* in the file */
} tgc_random_place;
/* Writes such weights to a file at their offsets, for instance an ONNX model's external data. The file
 * appears whole or not at all. */
TGC_API tgc_status tgc_random_write_file(const char *path, const tgc_random_place *places, size_t count,
                                         uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
