package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The output of {@code calm serve}. */
class ServeCommandTest {

  @ParameterizedTest
  @CsvSource({
    "::1, http://[::1]:8080",
    "127.0.0.1, http://127.0.0.1:8080",
    "0.0.0.0, http://127.0.0.1:8080",
    "2001:db8::5, http://[2001:db8::5]:8080",
    "fe80::1, http://[fe80::1]:8080",
  })
  void anAddressIsPrintedAsAUrl(String address, String url) throws UnknownHostException {
    assertEquals(
        url, ServeCommand.url(new InetSocketAddress(InetAddress.getByName(address), 8080)));
  }
}
