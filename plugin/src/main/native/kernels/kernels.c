/* The kernel variants: those compiled in, and why the processor cannot run one. */
#include "linear.h"
#include "vector.h"

#define KERNELS(title, linear_, vector_)                                              \
  {                                                                                   \
    .name = title, .scratch_bytes = calm_scratch_##linear_,                           \
    .multiply4 = calm_multiply4_##linear_, .multiply8 = calm_multiply8_##linear_,     \
    .quantize = calm_quantize_##vector_, .rms_norm = calm_rms_norm_##vector_,         \
    .rotate = calm_rotate_##vector_, .swiglu = calm_swiglu_##vector_,                 \
    .add = calm_add_##vector_, .finite = calm_finite_##vector_,                       \
    .weigh = calm_weigh_##vector_,                                                    \
    .store_kv = calm_store_kv_##vector_, .fetch_kv = calm_fetch_kv_##vector_,         \
    .attend = calm_attend_##vector_,                                                  \
    .merge = calm_merge_##vector_, .divide = calm_divide_##vector_,                   \
    .read_row4 = calm_read_row4_##vector_, .read_row8 = calm_read_row8_##vector_,     \
    .read_half = calm_read_half_##vector_,                                            \
    .multiply_half = calm_multiply_half_##vector_,                                    \
    .multiply_float = calm_multiply_float_##vector_,   \
  }

#define SEARCH_KERNELS(vector_)                                                         \
  {                                                                                     \
    .fit_grids = calm_fit_grids_##vector_, .encode = calm_encode_##vector_,             \
    .round_inputs = calm_round_inputs_##vector_,                                        \
    .column_statistics = calm_column_statistics_##vector_,                              \
    .add_gram = calm_add_gram_##vector_, .walk_columns = calm_walk_columns_##vector_,   \
    .add_tile = calm_add_tile_##vector_, .add_product = calm_add_product_##vector_,     \
    .softmax = calm_softmax_##vector_, .add_divergence = calm_add_divergence_##vector_, \
  }

#define VARIANT(title, linear_, vector_, missing_)                            \
  {                                                                           \
    .kernels = KERNELS(title, linear_, vector_),                              \
    .search = SEARCH_KERNELS(vector_), .missing = missing_,                   \
  }

typedef struct {
  calm_kernels kernels;
  calm_search_kernels search;
  const char *(*missing)(void);
} variant;

static const char *nothing_missing(void) { return NULL; }

#if defined(CALM_HAS_AVX2)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

typedef struct {
  unsigned a, b, c, d;
} registers;

static registers cpuid(unsigned leaf, unsigned subleaf) {
  registers r = {0, 0, 0, 0};
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

/* Whether the operating system saves the registers of these bits of XCR0. */
static int saved(unsigned bits) {
  if (!(cpuid(1, 0).c >> 27 & 1)) {
    return 0;
  }
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & bits) == bits;
}

static const char *avx2_missing(void) {
  registers one = cpuid(1, 0), seven = cpuid(7, 0);
  int there = seven.b >> 5 & 1 && one.c >> 12 & 1 && one.c >> 29 & 1;
  return !there       ? "the processor has no AVX2 with FMA and F16C"
         : !saved(6)  ? "the operating system does not save AVX registers"
                      : NULL;
}

#ifdef CALM_HAS_AVXVNNI
static const char *avxvnni_missing(void) {
  const char *missing = avx2_missing();
  return missing ? missing : cpuid(7, 1).a >> 4 & 1 ? NULL : "the processor has no AVX-VNNI";
}
#endif

#ifdef CALM_HAS_AVX512VNNI
static const char *avx512vnni_missing(void) {
  const char *missing = avx2_missing();
  if (missing) {
    return missing;
  }
  registers seven = cpuid(7, 0);
  int there = seven.b >> 16 & 1 && seven.b >> 17 & 1 && seven.b >> 30 & 1 && seven.b >> 31 & 1 &&
              seven.c >> 11 & 1;
  return !there        ? "the processor has no AVX-512 (F, DQ, BW, VL) with VNNI"
         : !saved(0xe6) ? "the operating system does not save AVX-512 registers"
                        : NULL;
}
#endif

#ifdef CALM_HAS_AMX
static const char *amx_missing(void) {
  const char *missing = avx512vnni_missing();
  if (missing) {
    return missing;
  }
  unsigned there = cpuid(7, 0).d;
  if (!(there >> 24 & 1 && there >> 25 & 1)) {
    return "the processor has no AMX with int8";
  }
#ifdef SYS_arch_prctl
  if (saved(0x60000) && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0) {
    return NULL;
  }
#endif
  return "the operating system gives no permission to use AMX tiles";
}
#endif

static const variant VARIANTS[] = {
    VARIANT("scalar", scalar, scalar, nothing_missing),
    VARIANT("avx2", avx2, avx2, avx2_missing),
#ifdef CALM_HAS_AVXVNNI
    VARIANT("avx-vnni", avxvnni, avx2, avxvnni_missing),
#endif
#ifdef CALM_HAS_AVX512VNNI
    VARIANT("avx512-vnni", avx512vnni, avx512, avx512vnni_missing),
#endif
#ifdef CALM_HAS_AMX
    VARIANT("amx", amx, avx512, amx_missing),
#endif
};

#elif defined(CALM_HAS_NEON)

#include <sys/auxv.h>

enum { ASIMDDP = 1 << 20 };

static const char *neon_missing(void) {
  return getauxval(AT_HWCAP) & ASIMDDP ? NULL : "the processor has no NEON dot products";
}

static const variant VARIANTS[] = {
    VARIANT("scalar", scalar, scalar, nothing_missing),
    VARIANT("neon-dotprod", neon, neon, neon_missing),
};

#else

static const variant VARIANTS[] = {
    VARIANT("scalar", scalar, scalar, nothing_missing),
};

#endif

int calm_variants(void) { return (int)(sizeof VARIANTS / sizeof VARIANTS[0]); }

const char *calm_variant_name(int variant) { return VARIANTS[variant].kernels.name; }

const char *calm_variant_missing(int variant) { return VARIANTS[variant].missing(); }

const calm_kernels *calm_variant_kernels(int variant) { return &VARIANTS[variant].kernels; }

const calm_search_kernels *calm_variant_search_kernels(int variant) {
  return &VARIANTS[variant].search;
}

size_t calm_attend_scratch(int32_t head_dim) {
  size_t wide = ((size_t)head_dim + 15) / 16 * 16;
  size_t floats = wide * CALM_KV_BLOCK + CALM_MAX_QUERIES * (CALM_SPLIT + wide);
  return floats * sizeof(float);
}

size_t calm_kv_layer_bytes(const calm_attention *a) {
  size_t elements = 2 * (size_t)a->kv_heads * (size_t)a->head_dim * CALM_KV_BLOCK;
  size_t scales = 2 * (size_t)a->kv_heads * CALM_KV_BLOCK * sizeof(float);
  return a->kv == CALM_KV_INT8 ? elements + scales : 2 * elements;
}
