package io.calm.bench;

/**
 * One figure of {@code calm bench}.
 *
 * @param name the subject: gemv, gemm, decode, prefill, batch8, batch16, attention, overhead,
 *     neighbours, compare, speculate
 * @param shape the shape of the linear or the model, e.g. {@code 14336x4096/g128}, {@code
 *     smollm2-135m}
 * @param threads number of threads
 * @param kernel the kernel variant that computed
 * @param value median of the rounds
 * @param unit of {@code value}
 * @param against the reference of {@code ratio}, e.g. {@code read-limit}, {@code llama.cpp}
 * @param ratio median of the rounds' quotients
 */
public record BenchRow(
    String name,
    String shape,
    int threads,
    String kernel,
    double value,
    String unit,
    String against,
    double ratio) {}
