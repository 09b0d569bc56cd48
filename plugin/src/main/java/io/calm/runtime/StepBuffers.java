package io.calm.runtime;

import io.calm.tensor.NativeKernels;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.List;

/** What a native step reads and writes, outside the heap; grows to the largest step and stays. */
final class StepBuffers {
  private final RotaryTable rotaryTable;
  private final int headDim;
  private final int vocabulary;
  private final float[] cosines;
  private final float[] sines;

  private Piece ints = new Piece(0);
  private Piece pages = new Piece(0);
  private Piece rotary = new Piece(0);
  private Piece output = new Piece(0);
  private Piece failed = new Piece(0);

  /** Memory with its address. */
  private static final class Piece {
    final ByteBuffer memory;
    final long address;

    Piece(int bytes) {
      memory = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
      address = bytes == 0 ? 0 : NativeKernels.address(memory);
    }

    /** Returns this, or a larger piece where this one is too small. */
    Piece atLeast(long bytes) {
      if (memory.capacity() >= bytes) {
        return this;
      }
      return new Piece(Math.toIntExact(Math.max(bytes, Math.min(2 * bytes, 1 << 20))));
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
    int sequences = 0;
    int pageCount = 0;
    int wanted = 0;
    KvSequence last = null;
    for (Row row : rows) {
      if (row.sequence() != last) {
        last = row.sequence();
        sequences++;
        pageCount += last.pageCount();
      }
      wanted += row.logits().isPresent() ? 1 : 0;
    }
    ints = ints.atLeast(4L * (4L * count + sequences));
    pages = pages.atLeast(8L * pageCount);
    rotary = rotary.atLeast(4L * count * headDim);
    output = output.atLeast(4L * wanted * vocabulary);
    failed = failed.atLeast(count);
    write(rows);
  }

  private void write(List<Row> rows) {
    int count = rows.size();
    IntBuffer values = ints.memory.asIntBuffer();
    LongBuffer addresses = pages.memory.asLongBuffer();
    FloatBuffer angles = rotary.memory.asFloatBuffer();
    int sequences = 0;
    int wanted = 0;
    KvSequence last = null;
    for (int i = 0; i < count; i++) {
      Row row = rows.get(i);
      if (row.sequence() != last) {
        last = row.sequence();
        values.put(4 * count + sequences++, addresses.position());
        last.putPages(addresses);
      }
      values.put(i, row.token());
      values.put(count + i, row.position());
      values.put(2 * count + i, sequences - 1);
      values.put(3 * count + i, row.logits().isPresent() ? wanted++ : -1);
      rotaryTable.fill(row.position(), cosines, sines, 0);
      angles.put(cosines).put(sines);
      failed.memory.put(i, (byte) 0);
    }
  }

  /** Copies the logits of the rows that want them. */
  void readLogits(List<Row> rows) {
    FloatBuffer logits = output.memory.asFloatBuffer();
    for (Row row : rows) {
      row.logits().ifPresent(logits::get);
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

  long failedAddress() {
    return failed.address;
  }
}
