#!/usr/bin/env python3
"""Reads a broadcast ring of alphapulse and prints the trades that are published from now on.

Python's standard library alone. It maps the ring for reading only, looks into it once a millisecond, and is for
x86-64: docs/rings.md says which order other machines have to be told to keep.
"""

import argparse
import fcntl
import mmap
import os
import struct
import sys
import time

MAGIC, LAYOUT_VERSION, BROADCAST = 0x47525041, 2, 3
CLOSED, TAIL, RECORDS, LATEST, INTENT = 32, 64, 96, 99, 128  # indices of 32-bit words
RING_HEADER_BYTES, RECORD_HEADER_BYTES = 768, 8
RECORD, PADDING = 2, 3
BYTES_MASK = 0x01FFFFF8  # of a record's first word
ATTACHED_LOCK = (1 << 40) + 129  # the byte of the file that is locked, shared, by whoever uses the ring
LOOKS_MAX = 1000
SLEEP_SECONDS = 0.001


class RingError(Exception):
    """There is no such ring, or it is damaged."""


class Overrun(Exception):
    """What was to be read is overwritten."""


class BroadcastReader:
    """One of any number of readers: begins with what is published next."""

    def __init__(self, path):
        self._file = self._attach(path)
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._words = memoryview(self._map).cast("I")
        self._check(path)
        self.lost_records = self.lost_bytes = 0
        latest = self._load64(LATEST)  # before TAIL: it is the same only where nothing was published
        self.position, self._count = self._load_position(TAIL), 0
        tail = self.position
        if latest != tail:  # something was published: the count stands in the last record
            self._land()
            while self.position < tail:
                self.read()
        self.lost_records = self.lost_bytes = 0

    def _attach(self, path):
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, ATTACHED_LOCK, 1, 0)
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        except OSError as error:
            raise RingError(f"{path}: this ring is just being taken over: try again") from error
        own, named = os.fstat(file.fileno()), os.lstat(path)
        if (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino):
            raise RingError(f"{path}: this ring was just replaced: try again")
        if own.st_size < RING_HEADER_BYTES:
            raise RingError(f"{path}: this file holds no ring")
        return file

    def _check(self, path):
        magic, version, kind, capacity = self._words[0:4]
        if magic != MAGIC:
            raise RingError(f"{path}: this file holds no ring")
        if version != LAYOUT_VERSION:
            raise RingError(f"{path}: this ring has layout version {version}, not {LAYOUT_VERSION}")
        if kind != BROADCAST:
            raise RingError(f"{path}: this is no broadcast ring")
        if len(self._map) != RING_HEADER_BYTES + capacity or capacity & (capacity - 1) != 0:
            raise RingError(f"{path}: the file's size is not that of the ring")
        self.capacity = capacity

    @property
    def is_closed(self):
        return self._words[CLOSED] != 0

    def _load64(self, index):
        """A position or count, whole: its writer stores the first high word, the low word, the second high word."""
        for _ in range(LOOKS_MAX):
            second, low, first = self._words[index + 2], self._words[index], self._words[index + 1]
            if first == second:
                return first << 32 | low
        return (first if low < 1 << 31 else second) << 32 | low  # its writer died between them

    def _load_position(self, index):
        return self._load64(index) & ~7  # the lowest bits of TAIL are not part of the position

    def _at(self, position):
        return RING_HEADER_BYTES + (position & (self.capacity - 1))

    def _header(self, position):
        at = self._at(position) // 4
        return self._words[at], self._words[at + 1]

    def _check_not_overwritten(self, position):
        if self._load64(INTENT) - position > self.capacity:
            raise Overrun

    def _land(self):
        """Goes to the last record that was published."""
        for _ in range(LOOKS_MAX):
            count, latest = self._load64(RECORDS), self._load64(LATEST)
            word, second = self._header(latest)
            try:
                self._check_not_overwritten(latest)
            except Overrun:
                continue
            if word & 3 == RECORD:
                # Its ordinal, of which there are 29 bits, in full: the one next to the count.
                ahead = ((second >> 3) - count) % (1 << 29)
                count += ahead if ahead < 1 << 28 else ahead - (1 << 29)
            self.position, self._count = latest, count
            return

    def read(self):
        """The next record, or None where there is none yet, or where some were lost: see lost_records."""
        try:
            return self._read()
        except Overrun:
            position, count = self.position, self._count
            self._land()
            self.lost_records += self._count - count
            self.lost_bytes += self.position - position
            return None

    def _read(self):
        while True:
            lag = self._load_position(TAIL) - self.position
            if lag == 0:
                return None
            if lag > self.capacity:
                raise Overrun
            word, second = self._header(self.position)
            byte_length = word & BYTES_MASK
            at = self._at(self.position)
            record = self._map[at : at + min(byte_length, self.capacity // 8)]
            self._check_not_overwritten(self.position)  # after the copy
            if byte_length == 0 or byte_length > lag or word & 3 not in (RECORD, PADDING):
                raise RingError("something else wrote into this ring")
            self.position += byte_length
            if word & 3 == RECORD:
                self._count += 1
                return record[RECORD_HEADER_BYTES : byte_length - (second & 7)]


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def tlvs_of(message):
    """The sequence of a message, and its TLVs as pairs of type and value."""
    if len(message) < 32:
        raise ValueError("TRUNCATED")
    magic, version, _domain, _source, sequence, _time, payload_size, checksum = struct.unpack_from("<IBBHQQII", message)
    if magic != 0xDEADBEEF:
        raise ValueError("BAD_MAGIC")
    if version != 1:
        raise ValueError("UNSUPPORTED_VERSION")
    if payload_size != len(message) - 32:
        raise ValueError("SIZE_MISMATCH")
    if checksum != crc32c(message[:28] + message[32:]):
        raise ValueError("CHECKSUM_MISMATCH")
    tlvs, at = [], 32
    while at + 2 <= len(message):
        type_, length, at = message[at], message[at + 1], at + 2
        if type_ == 255:  # the extended form
            type_, length = struct.unpack_from("<BH", message, at)
            at += 3
        tlvs.append((type_, message[at : at + length]))
        at += length
    return sequence, tlvs


def fixed8(value):
    return f"{'-' if value < 0 else ''}{abs(value) // 10**8}.{abs(value) % 10**8:08}"


def instrument(venue, asset_type, asset_id):
    text = asset_id.to_bytes(8, "big").rstrip(b"\0")
    is_text = asset_type not in (50, 51) and text != b"" and all(0x21 <= byte <= 0x7E for byte in text)
    return f"{venue}/{asset_type}/{text.decode() if is_text else f'0x{asset_id:016x}'}"


def trade_line(sequence, value):
    venue, asset_type, asset_id, price, volume, _time, side, _flags = struct.unpack("<HBxQqQQBB2x", value)
    side = ("unknown", "buy", "sell")[side if side <= 2 else 0]
    return f"{sequence} {instrument(venue, asset_type, asset_id)} {side} {fixed8(volume)} at {fixed8(price)}"


def print_trades(message):
    """Prints the trades of a message; how many there were."""
    try:
        sequence, tlvs = tlvs_of(message)
        lines = [trade_line(sequence, value) for type_, value in tlvs if type_ == 1]
    except (ValueError, struct.error) as error:
        print(f"dropped a record that is no message: {error}", file=sys.stderr, flush=True)
        return 0
    for line in lines:
        print(line, flush=True)
    return len(lines)


def read_all(reader, count):
    printed = 0
    while printed < count:
        is_last = reader.is_closed  # before the look: what was published before it was closed counts
        message = reader.read()
        if reader.lost_bytes > 0:
            print(f"lost {reader.lost_records} records, {reader.lost_bytes} bytes", file=sys.stderr, flush=True)
            reader.lost_records = reader.lost_bytes = 0
        elif message is not None:
            printed += print_trades(message)
        elif is_last:
            return
        else:
            time.sleep(SLEEP_SECONDS)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("name", metavar="NAME")
    arguments.add_argument("--count", type=int, default=sys.maxsize, help="ends after so many trades")
    arguments.add_argument("--directory", default=f"/dev/shm/alphapulse-{os.getuid()}")
    options = arguments.parse_args()
    try:
        reader = BroadcastReader(os.path.join(options.directory, options.name))
        print(f"reading from position {reader.position}", file=sys.stderr, flush=True)
        read_all(reader, options.count)
    except (RingError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
