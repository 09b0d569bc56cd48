package io.calm.host;

import java.util.zip.DataFormatException;

/** The header of a gzip member (RFC 1952, section 2.3), read byte by byte. Not thread safe. */
final class GzipHeader {
  private static final int MAX_BYTES = 1024;
  private static final int[] MAGIC = {0x1F, 0x8B, 8};
  private static final int FIXED_BYTES = 10;
  private static final int FLAGS_AT = 3;
  private static final int CRC = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;

  private Part part = Part.FIXED;
  private int total;
  private int read; // bytes of the part
  private int flags;
  private int extraBytes;

  private enum Part {
    FIXED,
    EXTRA_LENGTH,
    EXTRA,
    NAME,
    COMMENT,
    CRC,
    END
  }

  /**
   * Reads the next byte.
   *
   * @return whether the header is complete
   * @throws DataFormatException if it is not the header of a gzip member, or too long
   */
  boolean isCompleteWith(byte next) throws DataFormatException {
    int value = next & 0xFF;
    total++;
    read++;
    switch (part) {
      case FIXED -> fixed(value);
      case EXTRA_LENGTH -> {
        extraBytes |= value << (8 * (read - 1));
        if (read == 2) {
          enter(extraBytes > 0 ? Part.EXTRA : afterExtra());
        }
      }
      case EXTRA -> enterIf(read == extraBytes, afterExtra());
      case NAME -> enterIf(value == 0, afterName());
      case COMMENT -> enterIf(value == 0, afterComment());
      case CRC -> enterIf(read == 2, Part.END);
      case END -> throw new IllegalStateException("the header is complete already");
    }
    if (total > MAX_BYTES) {
      throw new DataFormatException("a header of more than " + MAX_BYTES + " bytes");
    }
    return part == Part.END;
  }

  private void fixed(int value) throws DataFormatException {
    if (read <= MAGIC.length && value != MAGIC[read - 1]) {
      throw new DataFormatException("no gzip header");
    }
    if (read == FLAGS_AT + 1) {
      flags = value;
    }
    enterIf(read == FIXED_BYTES, has(EXTRA) ? Part.EXTRA_LENGTH : afterExtra());
  }

  private Part afterExtra() {
    return has(NAME) ? Part.NAME : afterName();
  }

  private Part afterName() {
    return has(COMMENT) ? Part.COMMENT : afterComment();
  }

  private Part afterComment() {
    return has(CRC) ? Part.CRC : Part.END;
  }

  private boolean has(int flag) {
    return (flags & flag) != 0;
  }

  private void enterIf(boolean condition, Part next) {
    if (condition) {
      enter(next);
    }
  }

  private void enter(Part next) {
    part = next;
    read = 0;
  }
}
