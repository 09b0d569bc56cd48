package io.calm.host;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * An incremental decompressor for gzip (RFC 1952, one or more members) and deflate (zlib format of
 * RFC 1950, or the raw format of RFC 1951 that some clients send). Keeps no output. Not thread
 * safe; must be closed.
 */
final class Inflation implements AutoCloseable {
  private static final int MAX_HEADER_BYTES = 1024;
  private static final int PIECE_BYTES = 16 << 10;
  private static final int GZIP_TRAILER_BYTES = 8;

  private final boolean gzip;
  private final ByteArrayOutputStream head = new ByteArrayOutputStream();
  private final CRC32 crc = new CRC32();
  private State state = State.HEADER;
  private Inflater inflater = new Inflater(true);
  private long produced;

  private enum State {
    HEADER,
    DATA,
    TRAILER
  }

  Inflation(BodyCoding coding) {
    this.gzip = coding == BodyCoding.GZIP;
  }

  /**
   * Decompresses the next bytes.
   *
   * @param max maximum number of bytes of output; then the rest of the input is not read
   * @param out receives the output in pieces of at most 16 KiB
   * @return number of bytes of output
   * @throws DataFormatException if the input is damaged
   */
  long feed(byte[] input, long max, Consumer<byte[]> out) throws DataFormatException {
    long before = produced;
    int position = 0;
    while (position < input.length && produced - before < max) {
      position +=
          switch (state) {
            case HEADER -> header(input, position);
            case DATA -> data(input, position, max - (produced - before), out);
            case TRAILER -> trailer(input, position);
          };
    }
    if (state == State.DATA && !inflater.needsInput()) {
      inflate(max - (produced - before), out, 0);
    }
    return produced - before;
  }

  /** Returns whether the input so far is complete; empty input counts as complete. */
  boolean isWhole() {
    return head.size() == 0 && (state == State.HEADER || (state == State.TRAILER && !gzip));
  }

  /** Reads the header byte by byte until it is complete. */
  private int header(byte[] input, int from) throws DataFormatException {
    for (int i = from; i < input.length; i++) {
      head.write(input[i]);
      boolean whole = gzip ? GzipHeader.length(head.toByteArray()).isPresent() : head.size() == 2;
      if (whole) {
        begin();
        return i + 1 - from;
      }
      if (head.size() > MAX_HEADER_BYTES) {
        throw new DataFormatException("a header of more than " + MAX_HEADER_BYTES + " bytes");
      }
    }
    return input.length - from;
  }

  private void begin() {
    if (gzip) {
      inflater.reset();
    } else {
      inflater.end();
      byte[] first = head.toByteArray();
      boolean zlib =
          (first[0] & 0x0F) == 8 && (((first[0] & 0xFF) << 8) | (first[1] & 0xFF)) % 31 == 0;
      inflater = new Inflater(!zlib);
      inflater.setInput(first);
    }
    head.reset();
    crc.reset();
    state = State.DATA;
  }

  private int data(byte[] input, int from, long max, Consumer<byte[]> out)
      throws DataFormatException {
    if (inflater.needsInput()) {
      inflater.setInput(input, from, input.length - from);
      return inflate(max, out, input.length - from);
    }
    inflate(max, out, 0); // the two bytes that determined the format
    return 0;
  }

  /** Returns the number of the {@code given} bytes of input that were consumed. */
  private int inflate(long max, Consumer<byte[]> out, int given) throws DataFormatException {
    byte[] piece = new byte[PIECE_BYTES];
    long left = max;
    while (left > 0 && !inflater.finished()) {
      int size = inflater.inflate(piece, 0, (int) Math.min(piece.length, left));
      if (inflater.needsDictionary()) {
        throw new DataFormatException("a preset dictionary");
      }
      if (size == 0) {
        break; // it has finished, or needs more input
      }
      crc.update(piece, 0, size);
      out.accept(Arrays.copyOf(piece, size));
      produced += size;
      left -= size;
    }
    if (inflater.finished()) {
      state = State.TRAILER;
      return given - inflater.getRemaining();
    }
    return given;
  }

  /** Checks the checksum and length of gzip; rejects data after the end of deflate. */
  private int trailer(byte[] input, int from) throws DataFormatException {
    if (!gzip) {
      throw new DataFormatException("more bytes after the end");
    }
    int taken = Math.min(GZIP_TRAILER_BYTES - head.size(), input.length - from);
    head.write(input, from, taken);
    if (head.size() == GZIP_TRAILER_BYTES) {
      byte[] sums = head.toByteArray();
      if (little(sums, 0) != crc.getValue()
          || little(sums, 4) != (inflater.getBytesWritten() & 0xFFFF_FFFFL)) {
        throw new DataFormatException("a wrong checksum");
      }
      head.reset();
      state = State.HEADER;
    }
    return taken;
  }

  private static long little(byte[] bytes, int at) {
    long value = 0;
    for (int i = 3; i >= 0; i--) {
      value = value << 8 | (bytes[at + i] & 0xFF);
    }
    return value;
  }

  /** Frees the native memory of the inflater. */
  @Override
  public void close() {
    inflater.end();
  }

  /** The start of a gzip member. */
  private static final class GzipHeader {
    private static final int FIXED_BYTES = 10;
    private static final int CRC = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;

    private GzipHeader() {}

    /** Returns the header's length; empty if more bytes are needed. */
    static OptionalInt length(byte[] bytes) throws DataFormatException {
      if ((bytes.length > 0 && (bytes[0] & 0xFF) != 0x1F)
          || (bytes.length > 1 && (bytes[1] & 0xFF) != 0x8B)
          || (bytes.length > 2 && bytes[2] != 8)) {
        throw new DataFormatException("no gzip header");
      }
      if (bytes.length < FIXED_BYTES) {
        return OptionalInt.empty();
      }
      int flags = bytes[3];
      int end = FIXED_BYTES;
      if ((flags & EXTRA) != 0) {
        if (bytes.length < end + 2) {
          return OptionalInt.empty();
        }
        end += 2 + (bytes[end] & 0xFF) + ((bytes[end + 1] & 0xFF) << 8);
      }
      for (int text : new int[] {NAME, COMMENT}) {
        if ((flags & text) != 0) {
          while (end < bytes.length && bytes[end] != 0) {
            end++;
          }
          end++;
        }
      }
      end += (flags & CRC) != 0 ? 2 : 0;
      return bytes.length < end ? OptionalInt.empty() : OptionalInt.of(end);
    }
  }
}
