package io.calm.runtime;

import io.calm.kernels.NativeKernels;
import io.calm.tensor.OffHeap;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.List;

/**
 * What a native step reads and writes, outside the heap; grows to the largest step, unless that was
 * {@link #reserve reserved}, and stays until {@link #close}. Its decoder's lock is held for every
 * call.
 */
final class StepBuffers implements AutoCloseable {
  private final RotaryTable rotaryTable;
  private final int headDim;
  private final int vocabulary;
  private final float[] cosines;
  private final float[] sines;

  private final Piece ints = new Piece();
  private final Piece pages = new Piece();
  private final Piece rotary = new Piece();
  private final Piece output = new Piece();
  private final Piece weights = new Piece();
  private final Piece failed = new Piece();

  /** Memory with its address. */
  private static final class Piece {
    private OffHeap owner = OffHeap.allocate(0);
    ByteBuffer memory = owner.bytes();
    long address;

    /** Makes room for so many bytes; what was there is lost where that takes larger memory. */
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

  /** Lays out a step's rows. */
  void fill(List<Row> rows) {
    int count = rows.size();
    int chunks = 0;
    int pageCount = 0;
    int wanted = 0;
    for (Row row : rows) {
      if (row.chunk() == chunks) {
        chunks++;
        pageCount += row.pages().length;
      }
      wanted += row.logits().isPresent() ? 1 : 0;
    }
    reserve(new StepSize(count, chunks, wanted), pageCount);
    write(rows);
  }

  /**
   * Makes room for a step.
   *
   * @param pageCount of the tables of all its chunks
   * @throws OutOfMemoryError if there is no memory
   */
  void reserve(StepSize size, long pageCount) {
    ints.reserve(4L * (4L * size.rows() + size.chunks()));
    pages.reserve(8L * pageCount);
    rotary.reserve(4L * size.rows() * headDim);
    output.reserve(4L * size.logits() * vocabulary);
    weights.reserve(8L * size.logits());
    failed.reserve(size.rows());
  }

  private void write(List<Row> rows) {
    int count = rows.size();
    IntBuffer values = ints.memory.asIntBuffer();
    LongBuffer addresses = pages.memory.asLongBuffer();
    FloatBuffer angles = rotary.memory.asFloatBuffer();
    int chunks = 0;
    int wanted = 0;
    for (int i = 0; i < count; i++) {
      Row row = rows.get(i);
      if (row.chunk() == chunks) {
        values.put(4 * count + chunks++, addresses.position());
        for (KvPage page : row.pages()) {
          addresses.put(page.address());
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

  /** Copies the logits of the rows that want them. */
  void readLogits(List<Row> rows) {
    FloatBuffer logits = output.memory.asFloatBuffer();
    FloatBuffer measures = weights.memory.asFloatBuffer();
    for (Row row : rows) {
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

  long pagesAddress() {
    return pages.address;
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
    for (Piece piece : List.of(ints, pages, rotary, output, weights, failed)) {
      piece.free();
    }
  }
}
