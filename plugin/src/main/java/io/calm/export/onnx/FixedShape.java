package io.calm.export.onnx;

/**
 * The sizes of a model whose shapes are fixed.
 *
 * @param batch B, sequences per run
 * @param chunk T, tokens of a sequence per run
 * @param context C, positions of the KV cache
 */
public record FixedShape(int batch, int chunk, int context) {

  public FixedShape {
    if (batch < 1 || chunk < 1 || context < chunk) {
      throw new IllegalArgumentException(
          "batch %d, chunk %d, context %d: expected positive sizes and a chunk within the context"
              .formatted(batch, chunk, context));
    }
  }
}
