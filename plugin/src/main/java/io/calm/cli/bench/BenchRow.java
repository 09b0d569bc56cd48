package io.calm.cli.bench;

/**
 * One figure of {@code calm bench}.
 *
 * @param name what was measured: gemv, gemm, decode, prefill, batch8, batch16, attention, overhead,
 *     compare
 * @param shape of the linear or the model, e.g. {@code 14336x4096/g128}, {@code smollm2-135m}
 * @param threads that computed
 * @param kernel the variant of the ladder that computed
 * @param value median of the rounds
 * @param unit of {@code value}
 * @param against what {@code ratio} is to, e.g. {@code read-limit}, {@code llama.cpp}
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
