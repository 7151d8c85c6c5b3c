"""What every Proctorium service needs and none owns."""
