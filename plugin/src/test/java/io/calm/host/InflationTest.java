package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

/** Decompression piece by piece, against the JDK's compressors. */
class InflationTest {
  private final long seed = Seeds.of(20_261_127L);

  private static byte[] gzip(byte[] data) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(data);
    }
    return bytes.toByteArray();
  }

  private static byte[] deflate(byte[] data, boolean bare) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(bytes, new Deflater(6, bare))) {
      out.write(data);
    }
    return bytes.toByteArray();
  }

  /** Feeds pieces of random sizes and returns what came out. */
  private static byte[] inflate(BodyCoding coding, byte[] input, Random random)
      throws DataFormatException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (Inflation inflation = new Inflation(coding)) {
      int position = 0;
      while (position < input.length) {
        int size = Math.min(input.length - position, 1 + random.nextInt(1 << random.nextInt(14)));
        inflation.feed(
            Arrays.copyOfRange(input, position, position + size), Long.MAX_VALUE, out::writeBytes);
        position += size;
      }
      assertTrue(inflation.isWhole());
    }
    return out.toByteArray();
  }

  private static byte[] data(Random random) {
    byte[] data = new byte[random.nextInt(1 << random.nextInt(18))];
    if (random.nextBoolean()) {
      random.nextBytes(data);
    } else {
      Arrays.fill(data, (byte) 'a');
    }
    return data;
  }

  @Test
  void whatWasCompressedComesBack() throws Exception {
    Random random = new Random(seed);
    for (int i = 0; i < 300; i++) {
      byte[] data = data(random);
      String round = "seed " + seed + ", round " + i + ", " + data.length + " bytes";
      assertArrayEquals(data, inflate(BodyCoding.GZIP, gzip(data), random), round);
      assertArrayEquals(data, inflate(BodyCoding.DEFLATE, deflate(data, false), random), round);
      assertArrayEquals(data, inflate(BodyCoding.DEFLATE, deflate(data, true), random), round);
    }
  }

  @Test
  void gzipMayHaveMembersAndAllParts() throws Exception {
    Random random = new Random(seed);
    byte[] one = gzip("one ".getBytes(StandardCharsets.UTF_8));
    ByteArrayOutputStream full = new ByteArrayOutputStream();
    full.writeBytes(one);
    full.write(one, 0, 3);
    full.write(4 | 8 | 16 | 2); // extra, name, comment, header sum
    full.write(one, 4, 6);
    full.writeBytes(new byte[] {3, 0, 'e', 'x', 't', 'n', 0, 'c', 'o', 0, 9, 9});
    full.write(one, 10, one.length - 10);
    for (int i = 0; i < 50; i++) {
      assertEquals(
          "one one ",
          new String(inflate(BodyCoding.GZIP, full.toByteArray(), random), StandardCharsets.UTF_8));
    }
  }

  @Test
  void gzipMayHaveAThousandMembersAndNoMore() throws Exception {
    byte[] one = gzip(new byte[] {'a'});
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int i = 0; i < 1000; i++) {
      all.writeBytes(one);
    }
    Random random = new Random(seed);
    assertEquals(1000, inflate(BodyCoding.GZIP, all.toByteArray(), random).length);

    all.writeBytes(one);
    DataFormatException refused =
        assertThrows(
            DataFormatException.class, () -> inflate(BodyCoding.GZIP, all.toByteArray(), random));
    assertEquals(
        "expected at most 1000 gzip members, got more; compress the body as one member",
        refused.getMessage());
  }

  @Test
  void outputEndsAtTheLimit() throws Exception {
    byte[] bomb = gzip(new byte[50_000_000]);
    long[] got = {0};
    try (Inflation inflation = new Inflation(BodyCoding.GZIP)) {
      assertEquals(1000, inflation.feed(bomb, 1000, piece -> got[0] += piece.length));
      assertEquals(1000, got[0]);
      assertFalse(inflation.isWhole());
    }
  }

  @Test
  void damageIsAnErrorOrAnEarlyEnd() throws Exception {
    Random random = new Random(seed);
    byte[] data = new byte[5000];
    random.nextBytes(data);
    byte[] good = gzip(data);
    for (int i = 0; i < 500; i++) {
      byte[] bad = Arrays.copyOf(good, random.nextInt(good.length - 1) + 1);
      try (Inflation inflation = new Inflation(BodyCoding.GZIP)) {
        inflation.feed(bad, Long.MAX_VALUE, piece -> {});
        assertFalse(inflation.isWhole(), "seed " + seed + ", round " + i);
      }
      byte[] changed = good.clone();
      int at = 18 + random.nextInt(good.length - 18);
      changed[at] ^= (byte) (1 << random.nextInt(8));
      assertThrows(
          DataFormatException.class,
          () -> {
            try (Inflation inflation = new Inflation(BodyCoding.GZIP)) {
              inflation.feed(changed, Long.MAX_VALUE, piece -> {});
              if (!inflation.isWhole()) {
                throw new DataFormatException("it ends early");
              }
            }
          },
          "seed " + seed + ", round " + i + ", byte " + at);
    }
  }

  @Test
  void aHeaderThatDoesNotEndIsRefused() {
    byte[] header = new byte[5000];
    Arrays.fill(header, (byte) 'n');
    System.arraycopy(new byte[] {0x1F, (byte) 0x8B, 8, 8}, 0, header, 0, 4);
    try (Inflation inflation = new Inflation(BodyCoding.GZIP)) {
      assertThrows(
          DataFormatException.class, () -> inflation.feed(header, Long.MAX_VALUE, piece -> {}));
    }
  }
}
