package io.calm.checkpoint.gguf;

import io.calm.checkpoint.storage.TensorType;
import java.util.Map;
import java.util.Optional;

/** The tensor types of ggml by number ({@code ggml_type}). */
final class GgmlTypes {
  static final String SUPPORTED =
      "supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K";

  private static final Map<Long, TensorType> READABLE =
      Map.ofEntries(
          Map.entry(0L, TensorType.F32),
          Map.entry(1L, TensorType.F16),
          Map.entry(2L, TensorType.Q4_0),
          Map.entry(3L, TensorType.Q4_1),
          Map.entry(6L, TensorType.Q5_0),
          Map.entry(7L, TensorType.Q5_1),
          Map.entry(8L, TensorType.Q8_0),
          Map.entry(12L, TensorType.Q4_K),
          Map.entry(13L, TensorType.Q5_K),
          Map.entry(14L, TensorType.Q6_K),
          Map.entry(30L, TensorType.BF16));

  private static final Map<Long, String> OTHERS =
      Map.ofEntries(
          Map.entry(9L, "Q8_1"),
          Map.entry(10L, "Q2_K"),
          Map.entry(11L, "Q3_K"),
          Map.entry(15L, "Q8_K"),
          Map.entry(16L, "IQ2_XXS"),
          Map.entry(17L, "IQ2_XS"),
          Map.entry(18L, "IQ3_XXS"),
          Map.entry(19L, "IQ1_S"),
          Map.entry(20L, "IQ4_NL"),
          Map.entry(21L, "IQ3_S"),
          Map.entry(22L, "IQ2_S"),
          Map.entry(23L, "IQ4_XS"),
          Map.entry(24L, "I8"),
          Map.entry(25L, "I16"),
          Map.entry(26L, "I32"),
          Map.entry(27L, "I64"),
          Map.entry(28L, "F64"),
          Map.entry(29L, "IQ1_M"),
          Map.entry(34L, "TQ1_0"),
          Map.entry(35L, "TQ2_0"),
          Map.entry(39L, "MXFP4"));

  private GgmlTypes() {}

  static Optional<TensorType> of(long number) {
    return Optional.ofNullable(READABLE.get(number));
  }

  static String name(long number) {
    String name = OTHERS.get(number);
    return name == null ? "type number " + number : name;
  }
}
