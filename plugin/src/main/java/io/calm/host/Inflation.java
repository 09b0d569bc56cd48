package io.calm.host;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * An incremental decompressor for gzip (RFC 1952, one to 1000 members) and deflate (zlib format of
 * RFC 1950, or the raw format of RFC 1951 that some clients send). Keeps no output. The time is
 * linear in input and output. Not thread safe; must be closed.
 */
final class Inflation implements AutoCloseable {
  private static final int MAX_MEMBERS = 1000;
  private static final int PIECE_BYTES = 16 << 10;
  private static final int GZIP_TRAILER_BYTES = 8;

  private final boolean gzip;
  private final ByteArrayOutputStream head = new ByteArrayOutputStream();
  private final byte[] piece = new byte[PIECE_BYTES];
  private final CRC32 crc = new CRC32();
  private State state = State.HEADER;
  private Inflater inflater = new Inflater(true);
  private Optional<GzipHeader> header = Optional.empty();
  private int members;
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
    return head.size() == 0
        && header.isEmpty()
        && (state == State.HEADER || (state == State.TRAILER && !gzip));
  }

  /** Reads the header byte by byte until it is complete. */
  private int header(byte[] input, int from) throws DataFormatException {
    for (int i = from; i < input.length; i++) {
      if (gzip ? gzipHeader().isCompleteWith(input[i]) : isFormatKnownWith(input[i])) {
        begin();
        return i + 1 - from;
      }
    }
    return input.length - from;
  }

  /** Returns the header that is being read, a new one at the start of a member. */
  private GzipHeader gzipHeader() throws DataFormatException {
    if (header.isEmpty()) {
      members++;
      if (members > MAX_MEMBERS) {
        throw new DataFormatException(
            "expected at most %d gzip members, got more; compress the body as one member"
                .formatted(MAX_MEMBERS));
      }
      header = Optional.of(new GzipHeader());
    }
    return header.get();
  }

  /** Keeps a byte, two of which tell zlib from raw deflate. */
  private boolean isFormatKnownWith(byte next) {
    head.write(next);
    return head.size() == 2;
  }

  private void begin() {
    if (gzip) {
      inflater.reset();
      header = Optional.empty();
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
}
