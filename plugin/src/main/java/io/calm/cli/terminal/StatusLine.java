package io.calm.cli.terminal;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** A stream to a terminal that keeps a status in the last line and writes above it. Thread safe. */
final class StatusLine extends OutputStream {
  private static final byte[] ERASE = "\r\033[K".getBytes(StandardCharsets.US_ASCII);

  private final PrintStream terminal;
  private String status = "";
  private boolean shown;
  private boolean lineStart = true;

  StatusLine(PrintStream terminal) {
    this.terminal = terminal;
  }

  /** Replaces the status by {@code text}; an empty text removes it. */
  synchronized void show(String text) {
    erase();
    status = text;
    draw();
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return;
    }
    erase();
    terminal.write(bytes, offset, length);
    lineStart = bytes[offset + length - 1] == '\n';
    draw();
  }

  @Override
  public void flush() {
    terminal.flush();
  }

  private void erase() {
    if (shown) {
      terminal.writeBytes(ERASE);
      shown = false;
    }
  }

  /** Draws the status, unless the cursor is behind an unfinished line. */
  private void draw() {
    if (lineStart && !status.isEmpty()) {
      terminal.print(status);
      shown = true;
    }
    terminal.flush();
  }
}
