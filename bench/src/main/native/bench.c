#include "bench.h"

#include "clock.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#ifdef CALM_HAS_AVX2
#include <immintrin.h>
#endif
#ifdef CALM_HAS_AMX
#include "amx.h"
#endif

enum { READ_PIECE = 256 << 10, PEAK_LOOPS = 1 << 20 };

typedef struct {
  const uint8_t *bytes;
  size_t size;
  uint64_t sum;
} read_job;

#ifdef CALM_HAS_AVX2
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t size) {
  __m256i a[8] = {0};
  for (size_t at = 0; at + 256 <= size; at += 256) {
    for (int i = 0; i < 8; i++) {
      a[i] = _mm256_add_epi64(a[i], _mm256_loadu_si256((const __m256i *)(p + at + 32 * i)));
    }
  }
  uint64_t sum = 0;
  for (int i = 0; i < 8; i++) {
    uint64_t v[4];
    memcpy(v, &a[i], sizeof v);
    sum += v[0] + v[1] + v[2] + v[3];
  }
  return sum;
}
#endif

#ifdef CALM_HAS_AVX512VNNI
__attribute__((target("avx512f"))) static uint64_t sum_avx512(const uint8_t *p, size_t size) {
  __m512i a[8];
  for (int i = 0; i < 8; i++) {
    a[i] = _mm512_setzero_si512();
  }
  for (size_t at = 0; at + 512 <= size; at += 512) {
    for (int i = 0; i < 8; i++) {
      __m512i word = _mm512_loadu_si512(p + at + 64 * i);
      _mm_prefetch((const char *)p + at + 64 * i + 2048, _MM_HINT_T0);
      a[i] = _mm512_add_epi64(a[i], word);
    }
  }
  uint64_t sum = 0;
  for (int i = 0; i < 8; i++) {
    sum += (uint64_t)_mm512_reduce_add_epi64(a[i]);
  }
  return sum;
}
#endif

static uint64_t sum_plain(const uint8_t *p, size_t size) {
  uint64_t sum[8] = {0};
  for (size_t at = 0; at + 64 <= size; at += 64) {
    uint64_t words[8];
    memcpy(words, p + at, sizeof words);
    for (int i = 0; i < 8; i++) {
      sum[i] += words[i];
    }
  }
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

static uint64_t sum_of(const uint8_t *p, size_t size) {
#ifdef CALM_HAS_AVX512VNNI
  if (__builtin_cpu_supports("avx512f")) {
    return sum_avx512(p, size);
  }
#endif
#ifdef CALM_HAS_AVX2
  if (__builtin_cpu_supports("avx2")) {
    return sum_avx2(p, size);
  }
#endif
  return sum_plain(p, size);
}

static void read_piece(void *context, int item, int worker) {
  (void)worker;
  read_job *job = context;
  size_t from = (size_t)item * READ_PIECE;
  size_t size = job->size - from < READ_PIECE ? job->size - from : READ_PIECE;
  const uint8_t *p = job->bytes + from;
  __atomic_fetch_add(&job->sum, sum_of(p, size), __ATOMIC_RELAXED);
}

double calm_bench_read(const uint8_t *buffer, size_t bytes, int threads, int rounds) {
  read_job job = {buffer, bytes, 0};
  int64_t best = INT64_MAX;
  calm_pool_acquire(threads);
  for (int round = 0; round < rounds; round++) {
    int64_t start = calm_clock();
    calm_pool_run(read_piece, &job, (int)((bytes + READ_PIECE - 1) / READ_PIECE));
    int64_t time = calm_clock() - start;
    best = time < best ? time : best;
  }
  calm_pool_release();
  return (double)bytes / (double)best * 1e9;
}

/* ---- multiply-adds on registers ---- */

#ifdef CALM_HAS_AVX2
/* Twelve chains, and operands that no compiler can fold. */
#define PEAK_LOOP(instruction)                                                        \
  for (int i = 0; i < PEAK_LOOPS; i++) {                                              \
    __asm__ volatile(instruction(0) instruction(1) instruction(2) instruction(3)      \
                     instruction(4) instruction(5) instruction(6) instruction(7)      \
                     instruction(8) instruction(9) instruction(10) instruction(11)::  \
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",    \
                           "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");                 \
  }

#define ZMM_DPBUSD(i) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #i "\n"
#define YMM_DPBUSD(i) "%{vex%} vpdpbusd %%ymm15, %%ymm14, %%ymm" #i "\n"
#define YMM_MADDUBS(i) "vpmaddubsw %%ymm15, %%ymm14, %%ymm" #i "\n"
#define ZMM_FMA(i) "vfmadd231ps %%zmm15, %%zmm14, %%zmm" #i "\n"
#define YMM_FMA(i) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" #i "\n"

#ifdef CALM_HAS_AVX512VNNI
__attribute__((target("avx512f,avx512vnni"))) static double peak_avx512vnni(void) {
  PEAK_LOOP(ZMM_DPBUSD)
  return 12.0 * 64 * PEAK_LOOPS;
}

__attribute__((target("avx512f"))) static double peak_float_avx512(void) {
  __asm__ volatile("vzeroall"); /* no denormal numbers, which are slow */
  PEAK_LOOP(ZMM_FMA)
  return 12.0 * 16 * PEAK_LOOPS;
}
#endif

#ifdef CALM_HAS_AVXVNNI
__attribute__((target("avx2,avxvnni"))) static double peak_avxvnni(void) {
  PEAK_LOOP(YMM_DPBUSD)
  return 12.0 * 32 * PEAK_LOOPS;
}
#endif

__attribute__((target("avx2"))) static double peak_avx2(void) {
  PEAK_LOOP(YMM_MADDUBS)
  return 12.0 * 32 * PEAK_LOOPS;
}

__attribute__((target("avx2,fma"))) static double peak_float_avx2(void) {
  __asm__ volatile("vzeroall");
  PEAK_LOOP(YMM_FMA)
  return 12.0 * 8 * PEAK_LOOPS;
}

#ifdef CALM_HAS_AMX
__attribute__((target("avx512f,amx-tile,amx-int8"))) static double peak_amx(void) {
  tile_config config = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    config.row_bytes[i] = 64;
    config.rows[i] = AMX_ROWS;
  }
  configure_tiles(&config);
  for (int i = 0; i < PEAK_LOOPS / 16; i++) {
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
  }
  _tile_release();
  return 4.0 * 16 * 16 * 64 * (PEAK_LOOPS / 16);
}
#endif
#endif

typedef struct {
  const char *variant;
  double (*integers)(void), (*floats)(void);
} peak_loops;

static const peak_loops PEAKS[] = {
    {"", NULL, NULL}, /* of any other variant */
#ifdef CALM_HAS_AVX2
    {"avx2", peak_avx2, peak_float_avx2},
#endif
#ifdef CALM_HAS_AVXVNNI
    {"avx-vnni", peak_avxvnni, peak_float_avx2},
#endif
#ifdef CALM_HAS_AVX512VNNI
    {"avx512-vnni", peak_avx512vnni, peak_float_avx512},
#endif
#ifdef CALM_HAS_AMX
    {"amx", peak_amx, peak_float_avx512},
#endif
};

static const peak_loops *loops_of(int variant) {
  const char *name = calm_variant_name(variant);
  for (size_t i = 1; i < sizeof PEAKS / sizeof PEAKS[0]; i++) {
    if (strcmp(PEAKS[i].variant, name) == 0) {
      return &PEAKS[i];
    }
  }
  return PEAKS;
}

typedef struct {
  double (*loop)(void);
  double products;
} peak_job;

static void peak_item(void *context, int item, int worker) {
  (void)item;
  (void)worker;
  peak_job *job = context;
  job->products = job->loop();
}

/* The best of eight rounds. */
static double peak_rate(peak_job job, int threads) {
  if (!job.loop) {
    return 0;
  }
  double best = 0;
  calm_pool_acquire(threads);
  for (int round = 0; round < 8; round++) {
    int64_t start = calm_clock();
    calm_pool_run(peak_item, &job, threads);
    double rate = job.products * threads / (double)(calm_clock() - start) * 1e9;
    best = rate > best ? rate : best;
  }
  calm_pool_release();
  return best;
}

double calm_bench_float_peak(int variant, int threads) {
  return peak_rate((peak_job){loops_of(variant)->floats, 0}, threads);
}

double calm_bench_peak(int variant, int threads) {
  return peak_rate((peak_job){loops_of(variant)->integers, 0}, threads);
}

/* ---- a linear ---- */

typedef struct {
  const calm_kernels *kernels;
  calm_linear w;
  calm_rows x;
  int rows, items, chunks;
  float *y;
  uint8_t *scratch;
  size_t scratch_bytes;
} linear_job;

static void linear_item(void *context, int item, int worker) {
  linear_job *job = context;
  int tiles = (job->w.outputs + CALM_TILE - 1) / CALM_TILE, pairs = (tiles + 1) / 2;
  int strip = item / job->chunks, row = item % job->chunks * CALM_LINEAR_ROWS;
  int rows = job->rows - row < CALM_LINEAR_ROWS ? job->rows - row : CALM_LINEAR_ROWS;
  int from = 2 * (int)((int64_t)pairs * strip / job->items);
  int to = 2 * (int)((int64_t)pairs * (strip + 1) / job->items);
  calm_rows x = calm_rows_from(&job->x, row);
  job->kernels->multiply4(&job->w, &x, rows, from, to < tiles ? to : tiles,
                          job->y + (size_t)row * (size_t)job->w.outputs, (size_t)job->w.outputs,
                          job->scratch + (size_t)worker * job->scratch_bytes);
}

double calm_bench_linear(int variant, const calm_linear *w, int copies, int rows, int threads,
                         int rounds) {
  linear_job job = {.kernels = calm_variant_kernels(variant), .w = *w, .rows = rows};
  size_t width = (size_t)w->groups * (size_t)w->group, groups = (size_t)w->groups;
  size_t stride = calm_row_stride(width);
  size_t padded = ((size_t)w->outputs + CALM_TILE - 1) / CALM_TILE * CALM_TILE;
  size_t code_words = padded * width / 8, grid_halves = padded * groups * 2;
  job.items = threads * 6;
  job.chunks = (rows + CALM_LINEAR_ROWS - 1) / CALM_LINEAR_ROWS;
  job.scratch_bytes = (job.kernels->scratch_bytes((int32_t)width) + 63) / 64 * 64 + 64;
  size_t codes = ((size_t)rows * stride + 63) / 64 * 64;
  size_t scales = (size_t)rows * groups * sizeof(float);
  size_t outputs = (size_t)rows * (size_t)w->outputs * sizeof(float);
  void *memory = NULL;
  size_t bytes = (size_t)threads * job.scratch_bytes + codes + 2 * scales + outputs;
  if (posix_memalign(&memory, 64, bytes) != 0) {
    return 0;
  }
  memset(memory, 0, bytes);
  job.scratch = memory;
  job.x = (calm_rows){.group = w->group, .groups = w->groups, .stride = stride};
  job.x.codes = (int8_t *)job.scratch + (size_t)threads * job.scratch_bytes;
  job.x.scales = (float *)(job.x.codes + codes);
  job.x.sums = job.x.scales + (size_t)rows * groups;
  job.y = job.x.sums + (size_t)rows * groups;
  for (size_t i = 0; i < (size_t)rows * stride; i++) {
    job.x.codes[i] = (int8_t)((i * 2654435761u >> 8) % 255 - 127);
  }
  for (size_t i = 0; i < (size_t)rows * groups; i++) {
    job.x.scales[i] = 0.01f;
  }
  int64_t best = INT64_MAX;
  calm_pool_acquire(threads);
  for (int round = 0; round < rounds; round++) {
    int64_t start = calm_clock();
    for (int copy = 0; copy < copies; copy++) {
      job.w.codes = w->codes + (size_t)copy * code_words;
      job.w.grids = w->grids + (size_t)copy * grid_halves;
      calm_pool_run(linear_item, &job, job.items * job.chunks);
    }
    int64_t time = calm_clock() - start;
    best = time < best ? time : best;
  }
  calm_pool_release();
  free(memory);
  return (double)best / copies / 1e9;
}
