/*
 * The JNI entry points of NativeKernels and NativeHeap in io.calm.kernels, and of
 * io.calm.runtime.NativeModel.
 */
#include "calm.h"
#include "decoder.h"
#include "pool.h"

#include <jni.h>
#include <stdlib.h> /* defines __GLIBC__ where it is */
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const void *address(JNIEnv *env, jobject buffer) {
  return buffer ? (*env)->GetDirectBufferAddress(env, buffer) : NULL;
}

static const void *address_at(JNIEnv *env, jobjectArray buffers, jsize index) {
  jobject buffer = (*env)->GetObjectArrayElement(env, buffers, index);
  const void *result = address(env, buffer);
  (*env)->DeleteLocalRef(env, buffer);
  return result;
}

static calm_linear linear_of(jint outputs, jint inputs, jint group, const void *codes,
                             const void *grids, const void *bias) {
  return (calm_linear){outputs, inputs, group, (inputs + group - 1) / group, codes, grids, bias};
}

static calm_table8 table8_of(jint outputs, jint inputs, jint group, const void *codes,
                             const void *scales) {
  return (calm_table8){outputs, inputs, group, (inputs + group - 1) / group, codes, scales};
}

/* ---- NativeKernels ---- */

JNIEXPORT jint JNICALL Java_io_calm_kernels_NativeKernels_variants(JNIEnv *env, jclass type) {
  (void)env;
  (void)type;
  return calm_variants();
}

JNIEXPORT jstring JNICALL Java_io_calm_kernels_NativeKernels_variantName(JNIEnv *env, jclass type,
                                                                     jint variant) {
  (void)type;
  return (*env)->NewStringUTF(env, calm_variant_name(variant));
}

JNIEXPORT jstring JNICALL Java_io_calm_kernels_NativeKernels_variantMissing(JNIEnv *env,
                                                                            jclass type,
                                                                            jint variant) {
  (void)type;
  const char *missing = calm_variant_missing(variant);
  return missing ? (*env)->NewStringUTF(env, missing) : NULL;
}

JNIEXPORT jlong JNICALL Java_io_calm_kernels_NativeKernels_address(JNIEnv *env, jclass type,
                                                                  jobject buffer) {
  (void)type;
  return (jlong)(intptr_t)address(env, buffer);
}

/* Zeroed memory that begins at a huge page, backed by huge pages where the system grants them. */
JNIEXPORT jobject JNICALL Java_io_calm_kernels_NativeKernels_mapPages(JNIEnv *env, jclass type,
                                                                  jlong bytes) {
  (void)type;
  const uintptr_t page = (uintptr_t)2 << 20;
  size_t length = ((size_t)bytes + page - 1) & ~(page - 1);
  const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
  char *start = mmap(NULL, length + page, access, kind, -1, 0);
  if (start == MAP_FAILED) {
    return NULL;
  }
  char *aligned = (char *)(((uintptr_t)start + page - 1) & ~(page - 1));
  if (aligned > start) {
    munmap(start, (size_t)(aligned - start));
  }
  size_t rest = (size_t)(start + length + page - (aligned + length));
  if (rest > 0) {
    munmap(aligned + length, rest);
  }
#ifdef MADV_HUGEPAGE
  madvise(aligned, length, MADV_HUGEPAGE);
#endif
  jobject buffer = (*env)->NewDirectByteBuffer(env, aligned, bytes);
  if (!buffer) {
    munmap(aligned, length);
  }
  return buffer;
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeKernels_unmapPages(JNIEnv *env, jclass type,
                                                                 jobject buffer) {
  (void)type;
  const uintptr_t page = (uintptr_t)2 << 20;
  size_t bytes = (size_t)(*env)->GetDirectBufferCapacity(env, buffer);
  munmap((*env)->GetDirectBufferAddress(env, buffer), (bytes + page - 1) & ~(page - 1));
}

JNIEXPORT jboolean JNICALL Java_io_calm_kernels_NativeKernels_niceThread(JNIEnv *env, jclass type,
                                                                        jint threads) {
  (void)env;
  (void)type;
  calm_pool_acquire(calm_pool_useful(threads)); /* its workers must not inherit what follows */
  calm_pool_release();
  return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19) == 0;
}

/* One product with an int8 table on the calling thread. */
JNIEXPORT jboolean JNICALL Java_io_calm_kernels_NativeKernels_multiply(
    JNIEnv *env, jclass type, jint variant, jint outputs, jint inputs, jint group, jobject codes,
    jobject scales, jboolean per_token, jint rows, jobject x, jint from, jint to, jobject y) {
  (void)type;
  const calm_kernels *k = calm_variant_kernels(variant);
  int32_t groups = (inputs + group - 1) / group;
  calm_rows acts = {.group = group, .groups = groups};
  acts.stride = calm_row_stride((size_t)group * (size_t)groups);
  size_t bytes = (size_t)rows * (size_t)groups * sizeof(float);
  void *memory = NULL, *scratch = NULL;
  size_t need = k->scratch_bytes((int32_t)acts.stride) + 64;
  if (posix_memalign(&memory, 64, (size_t)rows * acts.stride + 2 * bytes) != 0 ||
      posix_memalign(&scratch, 64, need) != 0) {
    free(memory);
    (*env)->ThrowNew(env, (*env)->FindClass(env, "java/lang/OutOfMemoryError"), "native scratch");
    return JNI_FALSE;
  }
  acts.codes = memory;
  acts.scales = (float *)((char *)memory + (size_t)rows * acts.stride);
  acts.sums = acts.scales + (size_t)rows * (size_t)groups;
  const float *input = address(env, x);
  int finite = 1;
  for (int row = 0; row < rows; row++) {
    const float *values = input + (size_t)row * (size_t)inputs;
    finite &= k->quantize(values, inputs, per_token, &acts, row, 0, groups);
  }
  calm_table8 w = table8_of(outputs, inputs, group, address(env, codes), address(env, scales));
  float *output = (float *)address(env, y);
  k->multiply8(&w, &acts, rows, from, to, output, (size_t)outputs, scratch);
  free(memory);
  free(scratch);
  return finite ? JNI_TRUE : JNI_FALSE;
}

/* ---- NativeHeap ---- */

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeHeap_trimMalloc(JNIEnv *env, jclass type) {
  (void)env;
  (void)type;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeHeap_setMallocThresholds(
    JNIEnv *env, jclass type, jint mapped, jint trimmed) {
  (void)env;
  (void)type;
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, mapped);
  mallopt(M_TRIM_THRESHOLD, trimmed);
#else
  (void)mapped;
  (void)trimmed;
#endif
}

/* ---- NativeModel ---- */

enum { SHAPE_INTS = 10 };

static calm_shape shape_of(JNIEnv *env, jintArray ints, jfloat epsilon, jint *threads) {
  jint s[SHAPE_INTS];
  (*env)->GetIntArrayRegion(env, ints, 0, SHAPE_INTS, s);
  *threads = s[9];
  return (calm_shape){.hidden = s[0],
                      .layers = s[1],
                      .heads = s[2],
                      .kv_heads = s[3],
                      .head_dim = s[4],
                      .intermediate = s[5],
                      .vocabulary = s[6],
                      .per_token = s[7],
                      .kv = s[8] ? CALM_KV_INT8 : CALM_KV_FLOAT16,
                      .epsilon = epsilon};
}

JNIEXPORT jlong JNICALL Java_io_calm_runtime_NativeModel_blockBytes(JNIEnv *env, jclass type,
                                                                   jintArray ints) {
  (void)type;
  jint threads;
  calm_shape shape = shape_of(env, ints, 0, &threads);
  return (jlong)calm_decoder_kv_block_bytes(&shape);
}

/* parts: format, group; buffers: codes or values, and scales or grids. */
static calm_table table_of(JNIEnv *env, const calm_shape *s, const jint *parts,
                           jobjectArray buffers, jsize at) {
  calm_table t = {.format = (calm_format)parts[0]};
  const void *first = address_at(env, buffers, at), *second = address_at(env, buffers, at + 1);
  switch (t.format) {
    case CALM_INT8:
      t.int8 = table8_of(s->vocabulary, s->hidden, parts[1], first, second);
      break;
    case CALM_INT4:
      t.int4 = linear_of(s->vocabulary, s->hidden, parts[1], first, second, NULL);
      break;
    default:
      t.values = first;
      break;
  }
  return t;
}

/*
 * shapes: for each layer its window, then for each linear outputs, inputs, group; at the end format
 * and group of the embeddings and of the head. buffers: for each layer codes, grids, bias of each
 * linear, then its four norms; at the end two of the embeddings, two of the head, the final norm.
 */
JNIEXPORT jlong JNICALL Java_io_calm_runtime_NativeModel_create(JNIEnv *env, jclass type,
                                                                jint variant, jintArray ints,
                                                                jfloat epsilon, jintArray shapes,
                                                                jobjectArray buffers) {
  (void)type;
  jint threads;
  calm_shape shape = shape_of(env, ints, epsilon, &threads);
  calm_block *blocks = calloc((size_t)shape.layers, sizeof *blocks);
  jint *sizes = (*env)->GetIntArrayElements(env, shapes, NULL);
  calm_decoder *d = NULL;
  if (blocks && sizes) {
    const jint *size = sizes;
    jsize at = 0;
    for (int layer = 0; layer < shape.layers; layer++) {
      calm_block *block = &blocks[layer];
      block->window = *size++;
      for (int i = 0; i < CALM_LINEARS; i++, size += 3, at += 3) {
        block->linears[i] =
            linear_of(size[0], size[1], size[2], address_at(env, buffers, at),
                      address_at(env, buffers, at + 1), address_at(env, buffers, at + 2));
      }
      for (int i = 0; i < CALM_NORMS; i++) {
        block->norms[i] = address_at(env, buffers, at++);
      }
    }
    calm_table embeddings = table_of(env, &shape, size, buffers, at);
    calm_table head = table_of(env, &shape, size + 2, buffers, at + 2);
    d = calm_decoder_create(calm_variant_kernels(variant), &shape, blocks, &embeddings, &head,
                            address_at(env, buffers, at + 4), threads);
  }
  if (sizes) {
    (*env)->ReleaseIntArrayElements(env, shapes, sizes, JNI_ABORT);
  }
  free(blocks);
  if (!d) {
    (*env)->ThrowNew(env, (*env)->FindClass(env, "java/lang/OutOfMemoryError"),
                     "buffers of the native decoder");
  }
  return (jlong)(intptr_t)d;
}

/* ints: tokens, positions, sequences, logits, each [rows]; then each sequence's first KV block. */
JNIEXPORT jint JNICALL Java_io_calm_runtime_NativeModel_step(JNIEnv *env, jclass type, jlong model,
                                                             jint rows, jlong ints, jlong kv_blocks,
                                                             jlong rotary, jlong output,
                                                             jlong weights, jlong failed,
                                                             jlong times) {
  (void)env;
  (void)type;
  const int32_t *values = (const int32_t *)(intptr_t)ints;
  calm_step step = {.rows = rows,
                    .tokens = values,
                    .positions = values + rows,
                    .sequences = values + 2 * (size_t)rows,
                    .logits = values + 3 * (size_t)rows,
                    .kv_block_from = values + 4 * (size_t)rows,
                    .kv_blocks = (uint8_t *const *)(intptr_t)kv_blocks,
                    .rotary = (const float *)(intptr_t)rotary,
                    .output = (float *)(intptr_t)output,
                    .weights = (calm_partial *)(intptr_t)weights,
                    .failed = (uint8_t *)(intptr_t)failed};
  return calm_decoder_step((calm_decoder *)(intptr_t)model, &step,
                           (calm_times *)(intptr_t)times);
}

JNIEXPORT void JNICALL Java_io_calm_runtime_NativeModel_free(JNIEnv *env, jclass type,
                                                             jlong model) {
  (void)env;
  (void)type;
  calm_decoder_free((calm_decoder *)(intptr_t)model);
}
