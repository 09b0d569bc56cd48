package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Objects;

/**
 * Converts between the plain codes of {@link QuantizedMatrix}, the packed layout of {@link
 * QuantizedLinear}, and float32. Both forms hold the same values; unpack(pack(x)) is x.
 */
public final class Packing {
  private static final int TILE = QuantizedLinear.TILE;

  private Packing() {}

  /**
   * Packs codes [N, K] and grids into direct memory, padding both dimensions.
   *
   * @throws IllegalArgumentException if a code is outside 0..15, or a scale or minimum is not the
   *     value of a finite float16; names output and input or group
   */
  public static QuantizedLinear pack(QuantizedMatrix matrix) {
    return pack(matrix, (count, body) -> body.run(0, count));
  }

  /** The same on several threads. */
  public static QuantizedLinear pack(QuantizedMatrix matrix, Parallel parallel) {
    return pack(matrix, parallel::ranges);
  }

  /**
   * A packed linear for use in passing, whose memory is freed by {@link #close}.
   *
   * @param linear must not be used after the close
   */
  public record Scratch(QuantizedLinear linear, Owned memory) implements AutoCloseable {
    @Override
    public void close() {
      memory.close();
    }
  }

  /** Packs into memory that the caller frees; otherwise as {@link #pack}. */
  public static Scratch scratch(QuantizedMatrix matrix, Parallel parallel) {
    int n = matrix.outputs();
    int k = matrix.inputs();
    int group = matrix.group();
    try (Owned opening = new Owned()) {
      ByteBuffer codes = allocate(opening, QuantizedLinear.codeBytes(n, k, group));
      ByteBuffer grids = allocate(opening, QuantizedLinear.gridBytes(n, k, group));
      QuantizedLinear linear = pack(matrix, codes, grids, parallel::ranges);
      return new Scratch(linear, opening.handOver());
    }
  }

  private static ByteBuffer allocate(Owned owner, long bytes) {
    OffHeap memory = OffHeap.allocate(Math.toIntExact(bytes));
    owner.add(memory, memory::close);
    return memory.bytes().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Runs a loop over tiles, in whole or in pieces. */
  private interface Loop {
    void run(int count, Parallel.Range body);
  }

  private static QuantizedLinear pack(QuantizedMatrix matrix, Loop tiles) {
    int n = matrix.outputs();
    int k = matrix.inputs();
    int group = matrix.group();
    ByteBuffer codes = direct(QuantizedLinear.codeBytes(n, k, group));
    ByteBuffer grids = direct(QuantizedLinear.gridBytes(n, k, group));
    return pack(matrix, codes, grids, tiles);
  }

  private static QuantizedLinear pack(
      QuantizedMatrix matrix, ByteBuffer codes, ByteBuffer grids, Loop tiles) {
    int n = matrix.outputs();
    tiles.run(
        QuantizedLinear.paddedOutputs(n) / TILE,
        (from, to) -> pack(matrix, from * TILE, Math.min(n, to * TILE), codes, grids));
    return new QuantizedLinear(n, matrix.inputs(), matrix.group(), codes, grids);
  }

  /** Packs the outputs {@code from} (inclusive) to {@code to} (exclusive). */
  private static void pack(
      QuantizedMatrix matrix, int from, int to, ByteBuffer codes, ByteBuffer grids) {
    int k = matrix.inputs();
    int group = matrix.group();
    int steps = QuantizedLinear.paddedInputs(k, group) / 8;
    int groups = QuantizedLinear.paddedInputs(k, group) / group;
    IntBuffer words = codes.asIntBuffer();
    for (int output = from; output < to; output++) {
      int at = wordAt(output, 0, steps) / Integer.BYTES;
      for (int step = 0; step * 8 < k; step++, at += TILE) {
        words.put(at, word(matrix, output, step));
      }
      for (int j = 0; j < groups; j++) {
        int grid = gridAt(output, j, groups);
        int index = output * groups + j;
        putGrid(grids, grid, "scale", matrix.scales()[index], output, j);
        putGrid(grids, grid + 2 * TILE, "minimum", matrix.minimums()[index], output, j);
      }
    }
  }

  private static void putGrid(
      ByteBuffer grids, int at, String name, float value, int output, int group) {
    short half = Float16.fromFloat(value);
    if (!Float.isFinite(value) || Float16.toFloat(half) != value) {
      throw new IllegalArgumentException(
          "output %d, group %d: %s %s is not the value of a finite float16; round it first"
              .formatted(output, group, name, value));
    }
    grids.putShort(at, half);
  }

  /** Returns the word of inputs 8 step .. 8 step + 7. */
  private static int word(QuantizedMatrix matrix, int output, int step) {
    byte[] codes = matrix.codes();
    int from = output * matrix.inputs() + step * 8;
    int count = Math.min(8, matrix.inputs() - step * 8);
    int word = 0;
    int all = 0;
    for (int i = 0; i < count; i++) {
      int code = codes[from + i];
      all |= code;
      word |= code << nibbleShift(i);
    }
    if ((all & ~15) != 0) {
      throw outside(matrix, output, step * 8);
    }
    return word;
  }

  private static IllegalArgumentException outside(QuantizedMatrix matrix, int output, int from) {
    int input = from;
    while ((matrix.codes()[output * matrix.inputs() + input] & ~15) == 0) {
      input++;
    }
    return new IllegalArgumentException(
        "output %d, input %d: code %d is not in 0..15"
            .formatted(output, input, matrix.codes()[output * matrix.inputs() + input]));
  }

  /** Returns the position of the code of input 8p + i in the word of step p. */
  private static int nibbleShift(int i) {
    return i < 4 ? 8 * i : 8 * (i - 4) + 4;
  }

  private static int wordAt(int output, int step, int steps) {
    return Math.toIntExact(4L * ((((long) output / TILE) * steps + step) * TILE + output % TILE));
  }

  private static int gridAt(int output, int group, int groups) {
    return Math.toIntExact(
        2L * ((((long) output / TILE) * groups + group) * 2 * TILE + output % TILE));
  }

  private static ByteBuffer direct(long size) {
    return ByteBuffer.allocateDirect(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns the scales of all outputs, group by group: [groups, N]. */
  public static float[] scalesByGroup(QuantizedLinear linear) {
    return byGroup(linear, RowReader::scale);
  }

  /** Returns the minimums of all outputs, group by group: [groups, N]. */
  public static float[] minimumsByGroup(QuantizedLinear linear) {
    return byGroup(linear, RowReader::minimum);
  }

  /** Reads one value of an output's group. */
  private interface GridValue {
    float of(RowReader reader, int output, int group);
  }

  private static float[] byGroup(QuantizedLinear linear, GridValue value) {
    int n = linear.outputs();
    float[] values = new float[Math.multiplyExact(n, linear.groups())];
    RowReader reader = new RowReader(linear);
    for (int i = 0; i < values.length; i++) {
      values[i] = value.of(reader, i % n, i / n);
    }
    return values;
  }

  /**
   * Reads one output without the padding.
   *
   * @param codes receives K codes, each 0..15
   * @param scales receives one scale per group
   * @param minimums receives one minimum per group
   */
  public static void unpackRow(
      QuantizedLinear linear, int output, byte[] codes, float[] scales, float[] minimums) {
    Objects.checkIndex(output, linear.outputs());
    RowReader reader = new RowReader(linear);
    reader.codes(output, codes, 0);
    for (int j = 0; j < linear.groups(); j++) {
      scales[j] = reader.scale(output, j);
      minimums[j] = reader.minimum(output, j);
    }
  }

  /** Returns scale * code + minimum, [N, K], each rounded once. */
  public static Matrix dequantize(QuantizedLinear linear) {
    Matrix values = Matrix.allocate(linear.outputs(), linear.inputs());
    RowReader reader = new RowReader(linear);
    float[] row = new float[linear.inputs()];
    for (int output = 0; output < linear.outputs(); output++) {
      reader.values(output, row);
      values.writeRow(output, row);
    }
    return values;
  }

  /** Writes row {@code output} of scale * code + minimum into the first K of {@code target}. */
  public static void dequantizeRow(QuantizedLinear linear, int output, float[] target) {
    Objects.checkIndex(output, linear.outputs());
    new RowReader(linear).values(output, target);
  }

  /** Reads one packed linear, output by output. */
  private static final class RowReader {
    private final int inputs;
    private final int group;
    private final int steps;
    private final int groups;
    private final ByteBuffer codes;
    private final ByteBuffer grids;

    RowReader(QuantizedLinear linear) {
      inputs = linear.inputs();
      group = linear.group();
      groups = linear.groups();
      steps = groups * group / 8;
      codes = linear.codes();
      grids = linear.grids();
    }

    float scale(int output, int j) {
      return Float16.toFloat(grids.getShort(gridAt(output, j, groups)));
    }

    float minimum(int output, int j) {
      return Float16.toFloat(grids.getShort(gridAt(output, j, groups) + 2 * TILE));
    }

    void codes(int output, byte[] target, int offset) {
      for (int k = 0; k < inputs; k++) {
        target[offset + k] = (byte) code(output, k);
      }
    }

    void values(int output, float[] target) {
      for (int j = 0; j < groups; j++) {
        float scale = scale(output, j);
        float minimum = minimum(output, j);
        int end = Math.min(inputs, (j + 1) * group);
        for (int k = j * group; k < end; k++) {
          target[k] = scale * code(output, k) + minimum;
        }
      }
    }

    private int code(int output, int k) {
      return codes.getInt(wordAt(output, k / 8, steps)) >>> nibbleShift(k % 8) & 15;
    }
  }
}
