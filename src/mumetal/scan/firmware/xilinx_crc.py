"""The two codes of a Xilinx configuration: the CRC over register writes and, in the 7 series, the ECC of each frame.

The CRC runs over (data word, 5-bit register address) pairs with the Castagnoli polynomial, bits reflected (UG470 table
5-35, UG570; constants and the ECC's numbering as measured by Project X-Ray). A step is linear over GF(2), so a long
run of words is folded pairwise with powers of one 32×32 matrix instead of word by word.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Table = tuple[Words, Words]

POLYNOMIAL = 0x82F63B78
ADDRESS_BITS = 5
FRAME_WORDS_7 = 101
ECC_WORD_7 = 50
CHUNK = 1 << 18


def step(crc: int, word: int, address: int) -> int:
    """Return the CRC after one word was written to a register; the slow, obvious form."""
    value = (address & 0x1F) << 32 | word
    for _ in range(32 + ADDRESS_BITS):
        crc = (crc >> 1) ^ (POLYNOMIAL if (crc ^ value) & 1 else 0)
        value >>= 1
    return crc


def run(crc: int, words: Words, address: int) -> int:
    """Return the CRC after ``words`` (n,) were written to one register, the same as :func:`step` n times."""
    for first in range(0, words.size, CHUNK):
        crc = _fold(crc, words[first : first + CHUNK], address)
    return crc


def broken_frames_7(words: Words) -> NDArray[np.intp]:
    """Return which 7-series frames carry an ECC that is not theirs.

    A frame whose ECC field is zero carries none: the tools leave it out where the content changes at run time.

    Args:
        words: FDRI data, shape (frames · 101,).

    Returns:
        Indices of frames, ascending.
    """
    frames = words.reshape(-1, FRAME_WORDS_7)
    masks = _ecc_masks()
    carried = frames[:, ECC_WORD_7] & np.uint32(0x1FFF)
    low = np.zeros(len(frames), np.uint32)
    top = np.zeros(len(frames), np.uint32)
    for bit in range(13):
        folded = np.bitwise_xor.reduce(frames & masks[bit], axis=1)
        parity = (np.bitwise_count(folded) & 1).astype(np.uint32)
        if bit < 12:
            low |= parity << np.uint32(bit)
        else:
            top = parity
    top ^= (np.bitwise_count(low) & 1).astype(np.uint32)
    return np.flatnonzero((carried != 0) & ((low | top << np.uint32(12)) != carried))


def _fold(crc: int, words: Words, address: int) -> int:
    if words.size == 0:
        return crc
    start = words.copy()
    start[0] ^= np.uint32(crc)
    level = _apply(_power(0), start) ^ np.uint32(step(0, 0, address))
    power = 0
    while level.size > 1:
        if level.size % 2:
            level = np.concatenate([np.zeros(1, np.uint32), level])
        level = _apply(_power(power), level[0::2]) ^ level[1::2]
        power += 1
    return int(level[0])


def _apply(table: Table, vectors: Words) -> Words:
    low, high = table
    found: Words = low[vectors & np.uint32(0xFFFF)] ^ high[vectors >> np.uint32(16)]
    return found


@lru_cache(maxsize=32)
def _power(doublings: int) -> Table:
    """Tables of the matrix of one word's step, squared ``doublings`` times."""
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if doublings == 0:
        columns = np.array([step(0, int(u), 0) for u in units], np.uint32)
    else:
        before = _power(doublings - 1)
        columns = _apply(before, _apply(before, units))
    return _table(columns[:16]), _table(columns[16:])


def _table(columns: Words) -> Words:
    table = np.zeros(1, np.uint32)
    for column in columns:
        table = np.concatenate([table, table ^ column])
    return table


@lru_cache(maxsize=1)
def _ecc_masks() -> Words:
    """Which bits of which word enter each of the 13 parities, shape (13, 101)."""
    masks = np.zeros((13, FRAME_WORDS_7), np.uint32)
    for index in range(FRAME_WORDS_7):
        base = index * 32 + (0x1360 if index > 0x25 else 0x1340 if index > 0x6 else 0x1320)
        for bit in range(32):
            if index == ECC_WORD_7 and bit < 13:
                continue
            for parity in range(13):
                if (base + bit) >> parity & 1:
                    masks[parity, index] |= np.uint32(1 << bit)
    return masks
