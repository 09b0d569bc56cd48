package io.calm.runtime;

import io.calm.kernels.NativeKernels;
import io.calm.tensor.OffHeap;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.List;

/**
 * The input and output buffers of a native step, outside the heap. They grow to the largest step,
 * or are allocated by {@link #reserve}, and are kept until {@link #close}. The decoder's lock is
 * held for every call.
 */
final class StepBuffers implements AutoCloseable {
  private final RotaryTable rotaryTable;
  private final int headDim;
  private final int vocabulary;
  private final float[] cosines;
  private final float[] sines;

  private final Buffer ints = new Buffer();
  private final Buffer kvBlocks = new Buffer();
  private final Buffer rotary = new Buffer();
  private final Buffer output = new Buffer();
  private final Buffer weights = new Buffer();
  private final Buffer failed = new Buffer();

  /** A growing buffer with its native address. */
  private static final class Buffer {
    private OffHeap owner = OffHeap.allocate(0);
    ByteBuffer memory = owner.bytes();
    long address;

    /** Grows to at least {@code bytes}; growing discards the contents. */
    void reserve(long bytes) {
      if (memory.capacity() < bytes) {
        OffHeap larger =
            OffHeap.allocate(Math.toIntExact(Math.max(bytes, Math.min(2 * bytes, 1 << 20))));
        owner.close();
        owner = larger;
        memory = larger.bytes();
        address = NativeKernels.address(memory);
      }
    }

    void free() {
      owner.close();
      memory = ByteBuffer.allocate(0);
      address = 0;
    }
  }

  StepBuffers(RotaryTable rotaryTable, int headDim, int vocabulary) {
    this.rotaryTable = rotaryTable;
    this.headDim = headDim;
    this.vocabulary = vocabulary;
    this.cosines = new float[rotaryTable.pairs()];
    this.sines = new float[rotaryTable.pairs()];
  }

  /** Writes the input of a step. */
  void fill(List<StepRow> rows) {
    int count = rows.size();
    int chunks = 0;
    int blockCount = 0;
    int wanted = 0;
    for (StepRow row : rows) {
      if (row.chunk() == chunks) {
        chunks++;
        blockCount += row.kvBlocks().length;
      }
      wanted += row.logits().isPresent() ? 1 : 0;
    }
    reserve(new StepSize(count, chunks, wanted), blockCount);
    write(rows);
  }

  /**
   * Grows the buffers for a step.
   *
   * @param blockCount total length of the block tables of all chunks
   * @throws OutOfMemoryError if there is no memory
   */
  void reserve(StepSize size, long blockCount) {
    ints.reserve(4L * (4L * size.rows() + size.chunks()));
    kvBlocks.reserve(8L * blockCount);
    rotary.reserve(4L * size.rows() * headDim);
    output.reserve(4L * size.logits() * vocabulary);
    weights.reserve(8L * size.logits());
    failed.reserve(size.rows());
  }

  private void write(List<StepRow> rows) {
    int count = rows.size();
    IntBuffer values = ints.memory.asIntBuffer();
    LongBuffer addresses = kvBlocks.memory.asLongBuffer();
    FloatBuffer angles = rotary.memory.asFloatBuffer();
    int chunks = 0;
    int wanted = 0;
    for (int i = 0; i < count; i++) {
      StepRow row = rows.get(i);
      if (row.chunk() == chunks) {
        values.put(4 * count + chunks++, addresses.position());
        for (KvBlock block : row.kvBlocks()) {
          addresses.put(block.address());
        }
      }
      values.put(i, row.token());
      values.put(count + i, row.position());
      values.put(2 * count + i, row.chunk());
      values.put(3 * count + i, row.logits().isPresent() ? wanted++ : -1);
      rotaryTable.fill(row.position(), cosines, sines, 0);
      angles.put(cosines).put(sines);
      failed.memory.put(i, (byte) 0);
    }
  }

  /** Copies the requested logits to their rows. */
  void readLogits(List<StepRow> rows) {
    FloatBuffer logits = output.memory.asFloatBuffer();
    FloatBuffer measures = weights.memory.asFloatBuffer();
    for (StepRow row : rows) {
      row.logits()
          .ifPresent(
              target -> {
                logits.get(target.values);
                target.measured(measures.get(), measures.get());
              });
    }
  }

  boolean failed(int row) {
    return failed.memory.get(row) != 0;
  }

  long intsAddress() {
    return ints.address;
  }

  long kvBlocksAddress() {
    return kvBlocks.address;
  }

  long rotaryAddress() {
    return rotary.address;
  }

  long outputAddress() {
    return output.address;
  }

  long weightsAddress() {
    return weights.address;
  }

  long failedAddress() {
    return failed.address;
  }

  @Override
  public void close() {
    for (Buffer buffer : List.of(ints, kvBlocks, rotary, output, weights, failed)) {
      buffer.free();
    }
  }
}
