"""What attackers did to it, again and again: forged ledgers, storms, kills, hostile requests, corrupt files."""
