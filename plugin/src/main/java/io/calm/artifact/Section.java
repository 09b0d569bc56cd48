package io.calm.artifact;

import java.util.List;

/**
 * A range of bytes of a data file.
 *
 * @param name e.g. {@code block.3.q.codes}
 * @param offset first byte; a multiple of {@link #ALIGNMENT}, of a page if the section is large
 * @param length number of bytes without padding
 * @param extent number of bytes with the zeros up to the next section or the end of the file
 * @param crc32c checksum (Castagnoli) of the extent, in hex
 * @param shape sizes of the content; see {@link BlockSections} and {@link TableSections}
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

  /** Returns the offset of a section of {@code length} bytes after {@code size} bytes of a file. */
  static long aligned(long size, long length) {
    int alignment = length >= BIG ? PAGE : ALIGNMENT;
    return (size + alignment - 1) / alignment * alignment;
  }
}
