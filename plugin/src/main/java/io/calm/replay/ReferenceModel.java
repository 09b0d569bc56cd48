package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.model.WeightSource;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The full-precision model over whole windows, with one block in memory at a time. Candidates are
 * compared with it.
 */
public final class ReferenceModel {
  /** Number of tokens per chunk of hidden states. Limits the memory of a block's activations. */
  private static final int CHUNK_TOKENS = 2048;

  /** Number of rows of the embedding table or lm_head that are read at once. */
  private static final int BAND = 8192;

  private final TorchRuntime runtime;
  private final WeightSource weights;
  private final ModelSpec spec;

  public ReferenceModel(TorchRuntime runtime, WeightSource weights) {
    this.runtime = runtime;
    this.weights = weights;
    this.spec = weights.spec();
  }

  /**
   * Looks up embeddings.
   *
   * @param windows token ids [windows][T], all of one length
   */
  public HiddenStates embed(List<int[]> windows) {
    int length = windows.get(0).length;
    int perChunk = Math.max(1, CHUNK_TOKENS / length);
    List<NDArray> chunks = new ArrayList<>();
    int[] ids = distinct(windows);
    try (Owned opening = new Owned();
        Matrix table = embeddings(ids)) {
      for (int from = 0; from < windows.size(); from += perChunk) {
        List<int[]> part = windows.subList(from, Math.min(windows.size(), from + perChunk));
        NDArray chunk = chunk(table, ids, part, length);
        chunks.add(opening.add(chunk, chunk::close));
      }
      opening.handOver();
    }
    return new HiddenStates(runtime, chunks);
  }

  /** Returns the rows of some windows, [windows, T, D]. */
  private NDArray chunk(Matrix table, int[] ids, List<int[]> windows, int length) {
    float[] row = new float[spec.hidden()];
    try (Matrix all = Matrix.allocate(windows.size() * length, spec.hidden())) {
      int at = 0;
      for (int[] window : windows) {
        requireLength(window, length);
        for (int token : window) {
          table.readRow(Arrays.binarySearch(ids, token), row);
          all.writeRow(at++, row);
        }
      }
      try (NDArray rows = runtime.array(all);
          NDArray shaped = rows.reshape(new Shape(windows.size(), length, spec.hidden()))) {
        return shaped.duplicate();
      }
    }
  }

  /** Returns the token ids that occur, ascending. */
  private int[] distinct(List<int[]> windows) {
    int[] ids = windows.stream().flatMapToInt(Arrays::stream).sorted().distinct().toArray();
    for (int id : ids) {
      if (id < 0 || id >= spec.vocabulary()) {
        throw new IllegalArgumentException(
            "token id %d is outside the vocabulary 0..%d".formatted(id, spec.vocabulary() - 1));
      }
    }
    return ids;
  }

  /** Reads the embeddings of {@code ids}, ascending, [ids, D], in bands of the table. */
  private Matrix embeddings(int[] ids) {
    Matrix found = Matrix.allocate(ids.length, spec.hidden());
    float[] row = new float[spec.hidden()];
    int next = 0;
    while (next < ids.length) {
      int from = ids[next];
      int to = Math.min(spec.vocabulary(), from + BAND);
      try (Matrix band = weights.embeddingRows(from, to)) {
        for (; next < ids.length && ids[next] < to; next++) {
          band.readRow(ids[next] - from, row);
          found.writeRow(next, row);
        }
      }
    }
    return found;
  }

  private static void requireLength(int[] window, int length) {
    if (window.length != length) {
      throw new IllegalArgumentException(
          "windows differ in length: %d and %d".formatted(length, window.length));
    }
  }

  /** Runs block {@code layer} in full precision; {@code states} is not changed. */
  public HiddenStates block(int layer, HiddenStates states, BlockParameters<Matrix> parameters) {
    try (BlockPass pass = new BlockPass(states, spec, layer, parameters, Optional.empty())) {
      for (int i = 0; i < Stage.values().length; i++) {
        pass.advance(parameters.linears(), parameters.biases());
      }
      return pass.output();
    }
  }

  /** Runs a block of W4A8 modules, on the native kernels that serve if they are available. */
  public HiddenStates moduleBlock(
      int layer,
      HiddenStates states,
      BlockParameters<QuantizedLinear> modules,
      BlockPass.InputRounding rounding) {
    try (BlockPass pass = new BlockPass(states, spec, layer, modules, Optional.of(rounding))) {
      for (int i = 0; i < Stage.values().length; i++) {
        pass.advanceModules(modules.linears(), modules.biases());
      }
      return pass.output();
    }
  }

  /** Applies the final norm. */
  public HiddenStates finalNorm(HiddenStates states) {
    List<NDArray> chunks = new ArrayList<>();
    for (NDArray x : states.chunks()) {
      chunks.add(runtime.products().norm(x, weights.finalNorm(), spec.rmsEpsilon()));
    }
    return new HiddenStates(runtime, chunks);
  }

  /**
   * Compares next-token distributions of several models with that of a reference.
   *
   * @param reference output of {@link #finalNorm} of the reference
   * @param candidates outputs of {@link #finalNorm} of the others, for the same windows
   * @return for each candidate, mean KL(reference || candidate) per token of each window, in nats
   */
  public List<double[]> klDivergences(HiddenStates reference, List<HiddenStates> candidates) {
    HeadComparison comparison = new HeadComparison(reference, candidates);
    for (int from = 0; from < spec.vocabulary(); from += BAND) {
      try (Matrix band = weights.headRows(from, Math.min(spec.vocabulary(), from + BAND))) {
        comparison.add(band, Collections.nCopies(candidates.size(), band));
      }
    }
    return IntStream.range(0, candidates.size()).mapToObj(comparison::klDivergence).toList();
  }

  /** Returns the states as a W4A8 linear reads them, rounded to int8 and back. */
  public HiddenStates rounded(HiddenStates states, ActivationMode mode, int groupLimit) {
    List<NDArray> chunks = new ArrayList<>();
    for (NDArray x : states.chunks()) {
      chunks.add(Int8Inputs.round(runtime, x, mode, groupLimit));
    }
    return new HiddenStates(runtime, chunks);
  }

  /** Reads the lm_head, for logits of single rows. The caller closes it. */
  public ReferenceHead head() {
    return new ReferenceHead(runtime, headTable());
  }

  private NDArray headTable() {
    NDArray table = runtime.manager().create(new Shape(spec.vocabulary(), spec.hidden()));
    for (int from = 0; from < spec.vocabulary(); from += BAND) {
      int to = Math.min(spec.vocabulary(), from + BAND);
      try (Matrix band = weights.headRows(from, to);
          NDArray rows = runtime.array(band)) {
        table.set(new NDIndex(from + ":" + to), rows);
      }
    }
    return table;
  }
}
