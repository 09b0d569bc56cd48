package io.calm.artifact;

import java.util.List;

/**
 * A run of bytes of a data file.
 *
 * @param name e.g. {@code block.3.q.codes}
 * @param offset first byte; a multiple of {@link #ALIGNMENT}, of {@link #PAGE} for big ones
 * @param length bytes, without the padding behind it
 * @param extent bytes with the zeros up to the next section, or to the file's end
 * @param crc32c checksum (Castagnoli) over the extent, in hex
 * @param shape sizes of what it holds; see {@link BlockSections} and {@link TableSections}
 */
record Section(
    String name, long offset, long length, long extent, String crc32c, List<Integer> shape) {
  /** A cache line, and the widest vector register. */
  static final int ALIGNMENT = 64;

  static final int PAGE = 4096;

  /** Sections of this length start on a page. */
  static final int BIG = 64 * 1024;

  Section {
    shape = List.copyOf(shape);
  }

  /** Returns where a section of {@code length} bytes starts in a file of {@code size} bytes. */
  static long aligned(long size, long length) {
    int alignment = length >= BIG ? PAGE : ALIGNMENT;
    return (size + alignment - 1) / alignment * alignment;
  }
}
