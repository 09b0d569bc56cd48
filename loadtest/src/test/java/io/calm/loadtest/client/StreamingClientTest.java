package io.calm.loadtest.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The client's times and hang-ups, observed from a raw socket. */
class StreamingClientTest {
  private static final Ask ASK = new Ask("p", 4, false);

  /** A connection, the request read and the head of the answer sent. */
  private record Connection(ServerSocket server, Socket socket) implements AutoCloseable {
    static Connection accept(ServerSocket server) {
      try {
        Socket socket = server.accept();
        readRequest(socket);
        Connection connection = new Connection(server, socket);
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        return connection;
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }

    void send(String text) throws IOException {
      socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
      socket.getOutputStream().flush();
    }

    void token() throws IOException {
      send("data: {\"choices\":[{\"text\":\"x\"}]}\n\n");
    }

    /** Waits until the client is gone. */
    void awaitEnd() throws IOException {
      InputStream in = socket.getInputStream();
      try {
        while (in.read() >= 0) {}
      } catch (SocketException e) {
        // reset: gone as well
      }
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private static StreamingClient client(int port, Duration timeout) {
    return new StreamingClient(
        new StreamingClient.Target(
            URI.create("http://127.0.0.1:" + port), Schema.OPENAI, "", "", timeout));
  }

  private static ServerSocket listen() throws IOException {
    return new ServerSocket(0, 5, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
  }

  /** The server closes a connection that it has kept open, without an answer to what comes next. */
  @Test
  void aRequestOnAConnectionThatTheServerClosesIsRepeated() throws Exception {
    try (ServerSocket server = listen();
        StreamingClient client = client(server.getLocalPort(), Duration.ofMinutes(1))) {
      CompletableFuture<Answer> first = client.send(ASK, OptionalInt.empty());
      try (Socket kept = server.accept()) {
        answerWhole(kept);
        assertEquals(new Answer.End.Complete(), first.get(30, TimeUnit.SECONDS).end());
        CompletableFuture<Answer> second = client.send(ASK, OptionalInt.empty());
        assertTrue(kept.getInputStream().read() >= 0, "the request is written to it");
        kept.shutdownOutput(); // an end without an answer
        try (Socket next = server.accept()) {
          answerWhole(next);
          assertEquals(new Answer.End.Complete(), second.get(30, TimeUnit.SECONDS).end());
        }
      }
    }
  }

  /** Reads to the last key of a request. */
  private static void readRequest(Socket socket) throws IOException {
    StringBuilder request = new StringBuilder();
    while (request.indexOf("include_usage") < 0) {
      int next = socket.getInputStream().read();
      if (next < 0) {
        throw new EOFException("the client closed the connection after: " + request);
      }
      request.append((char) next);
    }
  }

  /** Reads a request and answers it, and keeps the connection open. */
  private static void answerWhole(Socket socket) throws IOException {
    readRequest(socket);
    while (socket.getInputStream().available() > 0) {
      socket.getInputStream().read();
    }
    String body =
        "data: {\"choices\":[{\"text\":\"x\",\"finish_reason\":\"length\"}],"
            + "\"usage\":{\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";
    String answer = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s";
    socket
        .getOutputStream()
        .write(answer.formatted(body.length(), body).getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().flush();
  }

  @Test
  void theFirstTokenIsTheFirstEventNotTheHead() throws Exception {
    try (ServerSocket server = listen();
        StreamingClient client = client(server.getLocalPort(), Duration.ofMinutes(1))) {
      CompletableFuture<Answer> answer = client.send(ASK, OptionalInt.empty());
      try (Connection connection = Connection.accept(server)) {
        TimeUnit.MILLISECONDS.sleep(50);
        long first = System.nanoTime();
        connection.token();
        TimeUnit.MILLISECONDS.sleep(50);
        long second = System.nanoTime();
        connection.token();
        connection.send("data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n");
        connection.send("data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\n");
        connection.send("data: [DONE]\n\n");
        connection.socket().shutdownOutput();
        Answer got = answer.get(1, TimeUnit.MINUTES);
        assertEquals(new Answer.End.Complete(), got.end());
        assertTrue(got.first().getAsLong() >= first);
        assertTrue(got.arrivals().get(1) >= second);
        assertEquals(got.arrivals().get(0), got.first().getAsLong());
      }
    }
  }

  @Test
  void hangingUpInMidStreamClosesTheConnection() throws Exception {
    try (ServerSocket server = listen();
        StreamingClient client = client(server.getLocalPort(), Duration.ofMinutes(1))) {
      CompletableFuture<Answer> answer = client.send(ASK, OptionalInt.of(2));
      try (Connection connection = Connection.accept(server)) {
        connection.token();
        connection.token();
        connection.awaitEnd();
      }
      assertEquals(new Answer.End.HungUp(), answer.get(1, TimeUnit.MINUTES).end());
    }
  }

  @Test
  void hangingUpBeforeTheFirstTokenClosesTheConnection() throws Exception {
    try (ServerSocket server = listen();
        StreamingClient client = client(server.getLocalPort(), Duration.ofMinutes(1))) {
      CompletableFuture<Answer> answer = client.send(ASK, OptionalInt.of(0));
      try (Connection connection = Connection.accept(server)) {
        connection.awaitEnd();
      }
      assertEquals(new Answer.End.HungUp(), answer.get(1, TimeUnit.MINUTES).end());
    }
  }

  @Test
  void aServerThatSaysNothingLosesTheRequest() throws Exception {
    try (ServerSocket server = listen();
        StreamingClient client = client(server.getLocalPort(), Duration.ofMillis(200))) {
      CompletableFuture<Answer> answer = client.send(ASK, OptionalInt.empty());
      assertEquals(new Answer.End.TimedOut(), answer.get(1, TimeUnit.MINUTES).end());
      try (Connection connection = new Connection(server, server.accept())) {
        connection.awaitEnd(); // the system had accepted it
      }
    }
  }

  @Test
  void aPortWithoutServerIsBroken() throws Exception {
    int port;
    try (ServerSocket server = listen()) {
      port = server.getLocalPort();
    }
    try (StreamingClient client = client(port, Duration.ofMinutes(1))) {
      Answer answer = client.send(ASK, OptionalInt.empty()).get(1, TimeUnit.MINUTES);
      assertTrue(answer.end() instanceof Answer.End.Broken, answer.end().toString());
    }
  }
}
