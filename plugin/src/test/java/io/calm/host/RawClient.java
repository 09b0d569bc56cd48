package io.calm.host;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A connection that sends what it is told, byte by byte, and reads answers one by one. */
final class RawClient implements AutoCloseable {
  private final Socket socket;
  private final InputStream in;

  RawClient(int port) throws IOException {
    this(new Socket(host(), port));
  }

  /** Returns what the host is bound to; the loopback address may be another one. */
  private static InetAddress host() throws IOException {
    return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
  }

  /** Returns a client whose system takes little that it has not read. */
  static RawClient slow(int port) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(128 << 10);
    socket.connect(new InetSocketAddress(host(), port));
    return new RawClient(socket);
  }

  private RawClient(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(30_000);
    this.in = new BufferedInputStream(socket.getInputStream());
  }

  /** An answer; a chunked body is put together. */
  record Answer(int status, Map<String, String> headers, String body) {}

  void send(String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().flush();
  }

  void send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    socket.getOutputStream().flush();
  }

  /** Ends this side of the connection; answers can still be read. */
  void sendNoMore() throws IOException {
    socket.shutdownOutput();
  }

  void post(String path, String body, String... headers) throws IOException {
    send(
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n%s"
            .formatted(
                path,
                body.getBytes(StandardCharsets.UTF_8).length,
                String.join("", headers),
                body));
  }

  /** Reads an interim answer, which has neither headers nor a body; returns its status. */
  int readInterim() throws IOException {
    return readStatus();
  }

  /** Reads the head of an answer and returns its status. */
  int readStatus() throws IOException {
    int status = Integer.parseInt(line().split(" ", 3)[1]);
    while (!line().isEmpty()) {
      // headers
    }
    return status;
  }

  /** Reads an answer; skips interim ones before it, as HTTP/1.1 requires. */
  Answer read() throws IOException {
    int status = Integer.parseInt(line().split(" ", 3)[1]);
    while (status == 100) {
      line();
      status = Integer.parseInt(line().split(" ", 3)[1]);
    }
    Map<String, String> headers = new LinkedHashMap<>();
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    byte[] body;
    if (status == 204) {
      body = new byte[0];
    } else if (headers.containsKey("content-length")) {
      body = in.readNBytes(Integer.parseInt(headers.get("content-length")));
    } else if ("chunked".equals(headers.get("transfer-encoding"))) {
      body = chunks();
    } else {
      body = in.readAllBytes();
    }
    return new Answer(status, headers, new String(body, StandardCharsets.UTF_8));
  }

  private byte[] chunks() throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int size = Integer.parseInt(line(), 16); size > 0; size = Integer.parseInt(line(), 16)) {
      body.write(in.readNBytes(size));
      line();
    }
    line();
    return body.toByteArray();
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    int c = in.read();
    while (c != '\n') {
      if (c < 0) {
        throw new IOException("the connection ended in a line: " + line);
      }
      line.append((char) c);
      c = in.read();
    }
    return line.toString().stripTrailing();
  }

  /** Returns whether the server has closed its side. */
  boolean ended() throws IOException {
    return in.read() < 0;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
